// franz-go as a member of a group: see member.Arguments.
package main

import (
	"context"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"klamm.example/checks/member"
)

var (
	arguments = member.Parse()
	balancers = map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(), "consumer": kgo.StickyBalancer(),
	}
)

func main() {
	leaving := member.Leaving()
	client, err := kgo.NewClient(options()...)
	member.Must(err)
	member.Emit("started", member.Fields{"pid": os.Getpid()})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-leaving
		stop()
	}()
	for ctx.Err() == nil {
		process(client, client.PollRecords(ctx, 500))
		client.AllowRebalance()
	}
	member.Emit("closing", nil)
	client.CloseAllowingRebalance()
	member.Emit("closed", nil)
}

func options() []kgo.Opt {
	chosen := []kgo.Opt{
		kgo.SeedBrokers(arguments.Bootstrap), kgo.ClientID(arguments.Name), kgo.ConsumerGroup(arguments.Group),
		kgo.ConsumeTopics(arguments.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.Balancers(balancers[arguments.Assignor]), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.MetadataMinAge(500 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
		kgo.SessionTimeout(arguments.Session), kgo.HeartbeatInterval(arguments.Heartbeat()),
		kgo.OnPartitionsAssigned(told("assigned")), kgo.OnPartitionsRevoked(told("revoked")), kgo.OnPartitionsLost(told("lost")),
	}
	if arguments.Assignor == "consumer" {
		chosen = append(chosen, kgo.ServerSideBalancer())
	}
	if arguments.Instance != "" {
		chosen = append(chosen, kgo.InstanceID(arguments.Instance))
	}
	return chosen
}

// Nothing is uncommitted when a callback runs: polling blocks rebalances until what was polled is committed.
func told(event string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		member.EmitPartitions(event, partitions[arguments.Topic])
	}
}

func process(client *kgo.Client, fetches kgo.Fetches) {
	fetches.EachError(func(_ string, partition int32, err error) {
		if err != context.Canceled {
			member.Emit("warning", member.Fields{"partition": partition, "message": err.Error()})
		}
	})
	offsets := map[int32]kgo.EpochOffset{}
	fetches.EachPartition(func(came kgo.FetchTopicPartition) {
		if len(came.Records) == 0 {
			return
		}
		first, last := came.Records[0].Offset, came.Records[len(came.Records)-1]
		member.Emit("processed", member.Fields{
			"partition": came.Partition, "first": first, "last": last.Offset, "count": len(came.Records),
		})
		offsets[came.Partition] = kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
	})
	if len(offsets) > 0 {
		commit(client, offsets)
	}
}

func commit(client *kgo.Client, offsets map[int32]kgo.EpochOffset) {
	wanted := map[string]map[int32]kgo.EpochOffset{arguments.Topic: offsets}
	client.CommitOffsetsSync(context.Background(), wanted,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				member.Emit("uncommitted", member.Fields{"message": err.Error()})
				return
			}
			tellCommitted(answer, offsets)
		})
}

func tellCommitted(answer *kmsg.OffsetCommitResponse, offsets map[int32]kgo.EpochOffset) {
	done := map[int32]int64{}
	for _, topic := range answer.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				member.Emit("uncommitted", member.Fields{"message": err.Error()})
				continue
			}
			done[partition.Partition] = offsets[partition.Partition].Offset
		}
	}
	member.Emit("committed", member.Fields{"offsets": done})
}
