// sarama as a member of a group: see member.Arguments.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/IBM/sarama"

	"klamm.example/checks/member"
)

var (
	arguments = member.Parse()
	balancers = map[string]sarama.BalanceStrategy{
		"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(),
		"sticky": sarama.NewBalanceStrategySticky(),
	}
)

func main() {
	leaving := member.Leaving()
	group, err := sarama.NewConsumerGroup([]string{arguments.Bootstrap}, arguments.Group, settings())
	member.Must(err)
	member.Emit("started", member.Fields{"pid": os.Getpid()})
	go func() {
		for err := range group.Errors() {
			member.Emit("warning", member.Fields{"message": err.Error()})
		}
	}()
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-leaving
		stop()
	}()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{arguments.Topic}, handler{}); err != nil && !errors.Is(err, context.Canceled) {
			member.Emit("warning", member.Fields{"message": err.Error()})
		}
	}
	member.Emit("closing", nil)
	member.Must(group.Close())
	member.Emit("closed", nil)
}

func settings() *sarama.Config {
	chosen := sarama.NewConfig()
	chosen.Version = sarama.V3_6_0_0
	chosen.ClientID = arguments.Name
	chosen.Metadata.RefreshFrequency = time.Second
	chosen.Consumer.Return.Errors = true
	chosen.Consumer.MaxWaitTime = 100 * time.Millisecond
	chosen.Consumer.Offsets.Initial = sarama.OffsetOldest
	chosen.Consumer.Offsets.AutoCommit.Enable = false
	chosen.Consumer.Group.Session.Timeout = arguments.Session
	chosen.Consumer.Group.Heartbeat.Interval = arguments.Heartbeat()
	chosen.Consumer.Group.Rebalance.Retry.Backoff = 500 * time.Millisecond
	chosen.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{balancers[arguments.Assignor]}
	chosen.Consumer.Group.InstanceId = arguments.Instance
	return chosen
}

type handler struct{}

func (handler) Setup(session sarama.ConsumerGroupSession) error {
	member.EmitPartitions("assigned", session.Claims()[arguments.Topic])
	return nil
}

// Cleanup comes when every claim has ended; each has committed what it processed.
func (handler) Cleanup(session sarama.ConsumerGroupSession) error {
	member.EmitPartitions("revoked", session.Claims()[arguments.Topic])
	return nil
}

func (handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			process(session, claim, message)
		case <-session.Context().Done():
			return nil
		}
	}
}

// process takes what is there of the claim at once, so that there is a commit for each batch and not for each record.
func process(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, first *sarama.ConsumerMessage) {
	last, count := first, 1
	for count < 200 && len(claim.Messages()) > 0 {
		message, open := <-claim.Messages()
		if !open {
			break
		}
		last, count = message, count+1
	}
	member.Emit("processed", member.Fields{
		"partition": first.Partition, "first": first.Offset, "last": last.Offset, "count": count,
	})
	session.MarkMessage(last, "")
	session.Commit()
	member.Emit("committed", member.Fields{"offsets": map[int32]int64{first.Partition: last.Offset + 1}})
}
