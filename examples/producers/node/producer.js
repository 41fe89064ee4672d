// Reports faults from Node: plain JSON, any Kafka client.
//
//     npm ci && node producer.js 316-TIMEOUT-ERR 100

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { Producer, stringSerializers } from '@platformatic/kafka'

const [code = '316-OP-FAIL', faults = '1'] = process.argv.slice(2)
const topic = `${process.env.FAULT316_TOPIC_PREFIX ?? '316.'}events`

const producer = new Producer({
  clientId: 'shop-node',
  bootstrapBrokers: (process.env.FAULT316_BOOTSTRAP_SERVERS ?? 'localhost:9092').split(','),
  serializers: stringSerializers,
  idempotent: true // a retry is not a second fault
})

const events = Array.from({ length: Number(faults) }, () => ({
  id: randomUUID(),
  code,
  service: 'shop-node',
  occurred_at: new Date().toISOString(),
  host: hostname(),
  endpoint: '/orders',
  message: 'no answer within 30 s'
}))
await producer.send({ messages: events.map((event) => ({ topic, value: JSON.stringify(event) })) })
await producer.close()
