package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// feed produces to every partition that there is until it is stopped.
type feed struct {
	client     *kgo.Client
	topic      string
	partitions atomic.Int32
	done       chan struct{}
	ended      sync.WaitGroup

	mutex sync.Mutex
	next  map[int32]int64
	wrong []string
}

func startFeed(client *kgo.Client, topic string, partitions int, interval time.Duration) *feed {
	started := &feed{client: client, topic: topic, done: make(chan struct{}), next: map[int32]int64{}, wrong: []string{}}
	started.partitions.Store(int32(partitions))
	started.ended.Go(func() { started.run(interval) })
	return started
}

func (f *feed) run(interval time.Duration) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for sequence := 0; ; sequence++ {
		select {
		case <-ticks.C:
		case <-f.done:
			return
		}
		for partition := range f.partitions.Load() {
			record := &kgo.Record{Topic: f.topic, Partition: partition, Value: fmt.Appendf(nil, "%d:%d", partition, sequence)}
			f.client.Produce(context.Background(), record, f.delivered)
		}
	}
}

func (f *feed) delivered(record *kgo.Record, err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	due := f.next[record.Partition]
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "invalid record partitioning choice"):
		// The client has not heard of a partition that was just added: this record was never sent.
	case err != nil:
		f.wrong = append(f.wrong, fmt.Sprintf("partition %d: %v", record.Partition, err))
	case record.Offset != due:
		f.wrong = append(f.wrong, fmt.Sprintf("partition %d: offset %d where %d was due", record.Partition, record.Offset, due))
		fallthrough
	default:
		f.next[record.Partition] = record.Offset + 1
	}
}

func (f *feed) stop(ctx context.Context) (answer, error) {
	close(f.done)
	f.ended.Wait()
	if err := f.client.Flush(ctx); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return answer{"ends": maps.Clone(f.next), "wrong": f.wrong[:min(len(f.wrong), 5)]}, nil
}
