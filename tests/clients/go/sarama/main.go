// sarama against a broker: sarama BOOTSTRAP
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"klamm.example/checks/check"
)

var (
	report    = &check.Report{Client: "sarama"}
	plan      = check.NewPlan("sarama")
	bootstrap = []string{os.Args[1]}
	codecs    = []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	}
	// WaitForAll first: a fresh topic may refuse its first record, which only acks other than 0 tell.
	acks = []sarama.RequiredAcks{sarama.WaitForAll, sarama.WaitForLocal, sarama.NoResponse}
)

func main() {
	client, err := sarama.NewClient(bootstrap, settings())
	report.Must("client", err)
	admin, err := sarama.NewClusterAdminFromClient(client)
	report.Must("admin", err)
	create(admin)
	for _, codec := range codecs {
		for _, ack := range acks {
			produce(client, codec, ack, false)
		}
	}
	produce(client, sarama.CompressionLZ4, sarama.WaitForAll, true)
	consume(client)
	seek(client)
	grow(admin)
	remove(admin)
	report.Close()
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.MaxMessageBytes = 1_048_500
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 10 * time.Millisecond
	config.Net.MaxOpenRequests = 1
	return config
}

func create(admin sarama.ClusterAdmin) {
	detail := &sarama.TopicDetail{NumPartitions: check.Partitions, ReplicationFactor: 1}
	report.Must("create", admin.CreateTopic(plan.Topic, detail, false))
	topics, err := admin.ListTopics()
	report.Must("list", err)
	report.Equal("created with partitions", topics[plan.Topic].NumPartitions, check.Partitions)
	err = admin.CreateTopic(plan.Topic, detail, false)
	report.Check("creating it again is refused", errors.Is(err, sarama.ErrTopicAlreadyExists), err)
}

func produce(client sarama.Client, codec sarama.CompressionCodec, ack sarama.RequiredAcks, idempotent bool) {
	config := settings()
	config.Producer.Compression, config.Producer.RequiredAcks = codec, ack
	config.Producer.Idempotent = idempotent
	producer, err := sarama.NewAsyncProducer(bootstrap, config)
	report.Must("producer", err)
	name := fmt.Sprintf("%v acks=%d idempotent=%v", codec, ack, idempotent)
	ends, records := plan.Ends(), plan.Records(ack == sarama.WaitForAll)
	go func() {
		for _, record := range records {
			producer.Input() <- outgoing(record)
		}
	}()
	offsets, failure := [check.Partitions]map[int64]bool{{}, {}, {}}, error(nil)
	for range records {
		select {
		case sent := <-producer.Successes():
			offsets[sent.Partition][sent.Offset] = true
		case failed := <-producer.Errors():
			failure = failed
		}
	}
	report.Check("produce "+name, failure == nil, failure)
	plan.AwaitEnds(report, name, func() [check.Partitions]int64 { return logEnds(client) })
	for partition := range offsets {
		for offset := ends[partition]; ack != sarama.NoResponse && offset < plan.Ends()[partition]; offset++ {
			if !offsets[partition][offset] {
				report.Check("offsets of "+name, false, fmt.Sprintf("%d of partition %d not answered", offset, partition))
				break
			}
		}
	}
	producer.AsyncClose()
}

func outgoing(record check.Record) *sarama.ProducerMessage {
	sent := &sarama.ProducerMessage{
		Topic: plan.Topic, Partition: record.Partition, Timestamp: time.UnixMilli(record.Timestamp),
	}
	if record.Key != nil {
		sent.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		sent.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		sent.Headers = append(sent.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value})
	}
	return sent
}

func logEnds(client sarama.Client) (ends [check.Partitions]int64) {
	for partition := range ends {
		ends[partition], _ = client.GetOffset(plan.Topic, int32(partition), sarama.OffsetNewest)
	}
	return ends
}

func consume(client sarama.Client) {
	consumer, err := sarama.NewConsumerFromClient(client)
	report.Must("consumer", err)
	var came [check.Partitions][]check.Arrived
	for partition, sent := range plan.Sent {
		came[partition] = read(consumer, int32(partition), sarama.OffsetOldest, len(sent))
	}
	plan.Compare(report, came)
}

func read(consumer sarama.Consumer, partition int32, from int64, count int) (came []check.Arrived) {
	reader, err := consumer.ConsumePartition(plan.Topic, partition, from)
	if !report.Check("consume", err == nil, err) {
		return nil
	}
	defer reader.AsyncClose()
	for len(came) < count {
		select {
		case message := <-reader.Messages():
			came = append(came, arrived(message))
		case <-time.After(30 * time.Second):
			return came
		}
	}
	return came
}

func arrived(message *sarama.ConsumerMessage) check.Arrived {
	came := check.Arrived{Offset: message.Offset, Record: check.Record{
		Partition: message.Partition, Key: message.Key, Value: message.Value, Timestamp: message.Timestamp.UnixMilli(),
	}}
	for _, header := range message.Headers {
		came.Headers = append(came.Headers, check.Header{Key: string(header.Key), Value: header.Value})
	}
	return came
}

func seek(client sarama.Client) {
	for _, target := range plan.Seeks() {
		offset, err := client.GetOffset(plan.Topic, target.Partition, target.Timestamp)
		name := fmt.Sprintf("offset for time %d of %d", target.Timestamp, target.Partition)
		report.Check(name, err == nil && offset == target.Offset, fmt.Sprintf("got %d %v, wanted %d", offset, err, target.Offset))
		consumer, err := sarama.NewConsumerFromClient(client)
		report.Must("consumer", err)
		came := read(consumer, target.Partition, offset, 1)
		report.Check("first record read from there", len(came) == 1 && came[0].Offset == target.Offset, came)
	}
}

func grow(admin sarama.ClusterAdmin) {
	err := admin.CreatePartitions(plan.Topic, 5, nil, false)
	report.Check("more partitions", err == nil, err)
	topics, err := admin.ListTopics()
	report.Check("partitions after growing", err == nil && topics[plan.Topic].NumPartitions == 5, err)
}

func remove(admin sarama.ClusterAdmin) {
	err := admin.DeleteTopic(plan.Topic)
	report.Check("delete", err == nil, err)
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		topics, err := admin.ListTopics()
		if _, there := topics[plan.Topic]; err == nil && !there {
			report.Check("deleted", true, "")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	report.Check("deleted", false, "still listed")
}
