// franz-go against a broker: franz BOOTSTRAP
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"klamm.example/checks/check"
)

var (
	report    = &check.Report{Client: "franz-go"}
	plan      = check.NewPlan("franz-go")
	bootstrap = os.Args[1]
	codecs    = map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	// "all" first: a fresh topic may refuse its first record, which only acks other than 0 tell.
	order = []string{"all", "1", "0"}
	acks  = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	report.Must("client", err)
	admin := kadm.NewClient(client)
	create(ctx, admin)
	for codec := range codecs {
		for _, name := range order {
			produce(ctx, admin, codec, name, false)
		}
	}
	produce(ctx, admin, "zstd", "all", true)
	consume(ctx)
	seek(ctx, admin)
	grow(ctx, admin)
	remove(ctx, admin)
	report.Close()
}

func create(ctx context.Context, admin *kadm.Client) {
	_, err := admin.CreateTopic(ctx, check.Partitions, 1, nil, plan.Topic)
	report.Must("create", err)
	topics, err := admin.ListTopics(ctx, plan.Topic)
	report.Must("describe", err)
	report.Equal("created with partitions", len(topics[plan.Topic].Partitions), check.Partitions)
	_, err = admin.CreateTopic(ctx, check.Partitions, 1, nil, plan.Topic)
	report.Check("creating it again is refused", errors.Is(err, kerr.TopicAlreadyExists), err)
}

func produce(ctx context.Context, admin *kadm.Client, codec, ack string, idempotent bool) {
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(acks[ack]),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(10 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(1_048_500),
	}
	if !idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	client, err := kgo.NewClient(options...)
	report.Must("producer", err)
	defer client.Close()
	name := fmt.Sprintf("%s acks=%s idempotent=%v", codec, ack, idempotent)
	ends := plan.Ends()
	var records []*kgo.Record
	for _, record := range plan.Records(ack == "all") {
		records = append(records, outgoing(record))
	}
	results := client.ProduceSync(ctx, records...)
	report.Check("produce "+name, results.FirstErr() == nil, results.FirstErr())
	if ack != "0" {
		wrong := ""
		for _, record := range records { // the plan's order: each partition's offsets go up by one
			if record.Offset != ends[record.Partition] && wrong == "" {
				wrong = fmt.Sprintf("partition %d: got %d, wanted %d", record.Partition, record.Offset, ends[record.Partition])
			}
			ends[record.Partition]++
		}
		report.Check("offsets of "+name, wrong == "", wrong)
	}
	plan.AwaitEnds(report, name, func() [check.Partitions]int64 { return logEnds(ctx, admin) })
}

func outgoing(record check.Record) *kgo.Record {
	sent := &kgo.Record{
		Topic: plan.Topic, Partition: record.Partition, Key: record.Key, Value: record.Value,
		Timestamp: time.UnixMilli(record.Timestamp),
	}
	for _, header := range record.Headers {
		sent.Headers = append(sent.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	return sent
}

func logEnds(ctx context.Context, admin *kadm.Client) (ends [check.Partitions]int64) {
	listed, err := admin.ListEndOffsets(ctx, plan.Topic)
	if err != nil {
		return ends
	}
	for partition := range ends {
		offset, _ := listed.Lookup(plan.Topic, int32(partition))
		ends[partition] = offset.Offset
	}
	return ends
}

func consume(ctx context.Context) {
	client := reader(func(int32) kgo.Offset { return kgo.NewOffset().AtStart() })
	defer client.Close()
	var came [check.Partitions][]check.Arrived
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for missing := plan.Total(); missing > 0; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			report.Check("consume", false, err)
			break
		}
		fetched.EachRecord(func(record *kgo.Record) {
			came[record.Partition] = append(came[record.Partition], arrived(record))
			missing--
		})
	}
	plan.Compare(report, came)
}

func reader(start func(partition int32) kgo.Offset) *kgo.Client {
	offsets := map[int32]kgo.Offset{}
	for partition := range int32(check.Partitions) {
		offsets[partition] = start(partition)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{plan.Topic: offsets}))
	report.Must("consumer", err)
	return client
}

func arrived(record *kgo.Record) check.Arrived {
	came := check.Arrived{Offset: record.Offset, Record: check.Record{
		Partition: record.Partition, Key: record.Key, Value: record.Value, Timestamp: record.Timestamp.UnixMilli(),
	}}
	for _, header := range record.Headers {
		came.Headers = append(came.Headers, check.Header{Key: header.Key, Value: header.Value})
	}
	return came
}

func seek(ctx context.Context, admin *kadm.Client) {
	for _, target := range plan.Seeks() {
		listed, err := admin.ListOffsetsAfterMilli(ctx, target.Timestamp, plan.Topic)
		report.Check("list offsets", err == nil, err)
		offset, _ := listed.Lookup(plan.Topic, target.Partition)
		report.Equal(fmt.Sprintf("offset for time %d of %d", target.Timestamp, target.Partition), offset.Offset, target.Offset)
		client := reader(func(int32) kgo.Offset { return kgo.NewOffset().AfterMilli(target.Timestamp) })
		report.Equal("first record read from there", firstOf(ctx, client, target.Partition), target.Offset)
		client.Close()
	}
}

func firstOf(ctx context.Context, client *kgo.Client, partition int32) int64 {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for first := int64(-1); ; {
		fetched := client.PollFetches(ctx)
		if fetched.Err() != nil {
			return first
		}
		fetched.EachRecord(func(record *kgo.Record) {
			if record.Partition == partition && first < 0 {
				first = record.Offset
			}
		})
		if first >= 0 {
			return first
		}
	}
}

func grow(ctx context.Context, admin *kadm.Client) {
	answers, err := admin.UpdatePartitions(ctx, 5, plan.Topic)
	report.Check("more partitions", err == nil && answers.Error() == nil, fmt.Sprint(err, answers.Error()))
	topics, err := admin.ListTopics(ctx, plan.Topic)
	report.Check("partitions after growing", err == nil && len(topics[plan.Topic].Partitions) == 5, err)
}

func remove(ctx context.Context, admin *kadm.Client) {
	answers, err := admin.DeleteTopics(ctx, plan.Topic)
	report.Check("delete", err == nil && answers.Error() == nil, fmt.Sprint(err, answers.Error()))
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		topics, err := admin.ListTopics(ctx)
		if err == nil && !topics.Has(plan.Topic) {
			report.Check("deleted", true, "")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	report.Check("deleted", false, "still listed")
}
