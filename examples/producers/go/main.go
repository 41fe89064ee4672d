// Reports faults from Go: plain JSON, any Kafka client.
//
//	go run . 316-TIMEOUT-ERR 100
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type event struct {
	ID         string    `json:"id"`
	Code       string    `json:"code"`
	Service    string    `json:"service"`
	OccurredAt time.Time `json:"occurred_at"`
	Host       string    `json:"host,omitempty"`
	Endpoint   string    `json:"endpoint,omitempty"`
	Message    string    `json:"message,omitempty"`
}

func main() {
	code, faults := "316-OP-FAIL", 1
	if len(os.Args) > 2 {
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		code, faults = os.Args[1], n
	}
	servers := cmp.Or(os.Getenv("FAULT316_BOOTSTRAP_SERVERS"), "localhost:9092")
	prefix, given := os.LookupEnv("FAULT316_TOPIC_PREFIX")
	if !given {
		prefix = "316."
	}
	client, err := kgo.NewClient( // idempotent by default: a retry is not a second fault
		kgo.SeedBrokers(strings.Split(servers, ",")...),
		kgo.DefaultProduceTopic(prefix+"events"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	host, _ := os.Hostname()
	records := make([]*kgo.Record, faults)
	for n := range records {
		value, err := json.Marshal(event{
			ID: rand.Text(), Code: code, Service: "shop-go", OccurredAt: time.Now(),
			Host: host, Endpoint: "/orders", Message: "no answer within 30 s",
		})
		if err != nil {
			log.Fatal(err)
		}
		records[n] = kgo.SliceRecord(value)
	}
	if err := client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		log.Fatal(err)
	}
}
