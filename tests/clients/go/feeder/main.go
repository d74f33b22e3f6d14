// The driver's hand at the broker, independent of the members: feeder BOOTSTRAP TOPIC GROUP
//
// Reads one command a line (JSON, "do" and its arguments) on stdin and answers each with one line on stdout; "error"
// tells what was refused. Records are produced in the background, one to every partition each interval.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type command struct {
	Do          string `json:"do"`
	Partitions  int    `json:"partitions"`
	IntervalMs  int    `json:"interval_ms"`
	SessionMs   int    `json:"session_ms"`
	HeartbeatMs int    `json:"heartbeat_ms"`
	KeepGroup   bool   `json:"keep_group"`
}

type answer map[string]any

type feeder struct {
	topic, group string
	client       *kgo.Client
	admin        *kadm.Client
	feed         *feed
}

func main() {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(2*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MetadataMinAge(200*time.Millisecond), kgo.MetadataMaxAge(500*time.Millisecond),
		kgo.RecordDeliveryTimeout(time.Minute))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	hand := &feeder{topic: os.Args[2], group: os.Args[3], client: client, admin: kadm.NewClient(client)}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var asked command
		err := json.Unmarshal(lines.Bytes(), &asked)
		told := answer{}
		if err == nil {
			told, err = hand.carryOut(asked)
		}
		if err != nil {
			told = answer{"error": err.Error()}
		}
		out.Encode(told)
	}
}

func (f *feeder) carryOut(asked command) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	switch asked.Do {
	case "create":
		_, err := f.admin.CreateTopic(ctx, int32(asked.Partitions), 1, nil, f.topic)
		return answer{}, err
	case "feed_on":
		f.feed = startFeed(f.client, f.topic, asked.Partitions, time.Duration(asked.IntervalMs)*time.Millisecond)
		return answer{}, nil
	case "grow":
		return answer{}, f.grow(ctx, asked.Partitions)
	case "feed_off":
		return f.feed.stop(ctx)
	case "committed":
		return f.committed(ctx)
	case "ends":
		return f.ends(ctx)
	case "kind":
		return f.kind(ctx)
	case "timeouts":
		return f.timeouts(ctx, asked)
	case "delete":
		return answer{}, f.remove(ctx, asked.KeepGroup)
	}
	return nil, fmt.Errorf("there is no command %q", asked.Do)
}

func (f *feeder) grow(ctx context.Context, partitions int) error {
	answers, err := f.admin.UpdatePartitions(ctx, partitions, f.topic)
	if err == nil {
		err = answers.Error()
	}
	if err == nil {
		f.feed.partitions.Store(int32(partitions))
	}
	return err
}

func (f *feeder) committed(ctx context.Context) (answer, error) {
	answers, err := f.admin.FetchOffsets(ctx, f.group)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for partition, found := range answers[f.topic] {
		offsets[partition] = found.At
	}
	return answer{"offsets": offsets}, nil
}

func (f *feeder) ends(ctx context.Context) (answer, error) {
	listed, err := f.admin.ListEndOffsets(ctx, f.topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	ends := map[int32]int64{}
	for partition, found := range listed[f.topic] {
		ends[partition] = found.Offset
	}
	return answer{"ends": ends}, nil
}

// kind is the group as ListGroups tells it.
func (f *feeder) kind(ctx context.Context) (answer, error) {
	listed, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, f.client)
	if err != nil {
		return nil, err
	}
	for _, group := range listed.Groups {
		if group.Group == f.group {
			return answer{"type": group.GroupType, "state": group.GroupState}, nil
		}
	}
	return answer{"type": "not listed", "state": ""}, nil
}

// timeouts sets the group's own settings, from which members of the consumer protocol have their timeouts.
func (f *feeder) timeouts(ctx context.Context, asked command) (answer, error) {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, f.group
	for name, ms := range map[string]int{
		"consumer.session.timeout.ms": asked.SessionMs, "consumer.heartbeat.interval.ms": asked.HeartbeatMs,
	} {
		setting := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		setting.Name, setting.Op, setting.Value = name, kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(fmt.Sprint(ms))
		resource.Configs = append(resource.Configs, setting)
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, f.client)
	if err != nil {
		return nil, err
	}
	told := response.Resources[0]
	if err := kerr.ErrorForCode(told.ErrorCode); err != nil {
		message := ""
		if told.ErrorMessage != nil {
			message = *told.ErrorMessage
		}
		return answer{"refused": err.Error() + " " + message}, nil
	}
	return answer{}, nil
}

// remove leaves a group alone that still has members: those with instance ids stay until their sessions are over.
func (f *feeder) remove(ctx context.Context, keepGroup bool) error {
	if !keepGroup {
		group, err := f.admin.DeleteGroup(ctx, f.group)
		if err == nil {
			err = group.Err
		}
		if err != nil {
			return err
		}
	}
	topic, err := f.admin.DeleteTopic(ctx, f.topic)
	if err == nil {
		err = topic.Err
	}
	return err
}
