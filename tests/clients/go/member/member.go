// Package member holds what the Go members of a group share: arguments, events on stdout, when to leave.
package member

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Arguments of a member: BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS [INSTANCE].
type Arguments struct {
	Bootstrap, Topic, Group, Assignor, Name, Instance string
	Session                                           time.Duration
}

// Parse reads the command line.
func Parse() Arguments {
	given := os.Args[1:]
	if len(given) < 6 {
		fmt.Fprintln(os.Stderr, "usage: member BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS [INSTANCE]")
		os.Exit(2)
	}
	session, err := strconv.Atoi(given[5])
	Must(err)
	parsed := Arguments{
		Bootstrap: given[0], Topic: given[1], Group: given[2], Assignor: given[3], Name: given[4],
		Session: time.Duration(session) * time.Millisecond,
	}
	if len(given) > 6 {
		parsed.Instance = given[6]
	}
	return parsed
}

// Heartbeat is the interval of heartbeats.
func (a Arguments) Heartbeat() time.Duration {
	return min(time.Second, a.Session/10)
}

// Fields are what an event tells besides its name.
type Fields map[string]any

var printing sync.Mutex

// Emit writes one event.
func Emit(event string, fields Fields) {
	printing.Lock()
	defer printing.Unlock()
	told := Fields{"t": time.Now().UnixMilli(), "event": event}
	maps.Copy(told, fields)
	line, _ := json.Marshal(told)
	os.Stdout.Write(append(line, '\n'))
}

// EmitPartitions writes an event about partitions.
func EmitPartitions(event string, partitions []int32) {
	sorted := slices.Sorted(slices.Values(partitions))
	if sorted == nil {
		sorted = []int32{}
	}
	Emit(event, Fields{"partitions": sorted})
}

// Must ends the process on an error that leaves nothing to go on with.
func Must(err error) {
	if err != nil {
		Emit("error", Fields{"message": err.Error()})
		os.Exit(1)
	}
}

// Leaving is closed when the driver asks the member to leave: by SIGTERM, or by "quit" on stdin.
func Leaving() <-chan struct{} {
	leaving := make(chan struct{})
	leave := sync.OnceFunc(func() { close(leaving) })
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		leave()
	}()
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if lines.Text() == "quit" {
				leave()
			}
		}
	}()
	return leaving
}
