// Package check holds what the Go clients' checks share: the records to send, the comparison, the counting.
package check

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"time"
)

// Partitions is the partition count of every topic that a check creates.
const Partitions = 3

// Short is set for the form that CI runs.
var Short = os.Getenv("KLAMM_SHORT") != "" && os.Getenv("KLAMM_SHORT") != "0"

// Header is a record header; a nil Value is a null.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record as sent, or as it came back. Nil and empty are different.
type Record struct {
	Partition  int32
	Key, Value []byte
	Headers    []Header
	Timestamp  int64
}

// Arrived is a record with the offset that the broker gave it.
type Arrived struct {
	Offset int64
	Record
}

// Report counts checks.
type Report struct {
	Client         string
	passed, failed int
}

// Check notes one check; detail is printed when it failed.
func (r *Report) Check(name string, good bool, detail any) bool {
	if good {
		r.passed++
		fmt.Printf("ok   %s: %s\n", r.Client, name)
		return true
	}
	r.failed++
	text := fmt.Sprint(detail)
	fmt.Printf("FAIL %s: %s: %s\n", r.Client, name, text[:min(len(text), 400)])
	return false
}

// Equal checks two things that print alike when they are alike.
func (r *Report) Equal(name string, got, wanted any) bool {
	return r.Check(name, fmt.Sprint(got) == fmt.Sprint(wanted), fmt.Sprintf("got %v, wanted %v", got, wanted))
}

// Must ends the run on an error that leaves nothing to go on with.
func (r *Report) Must(name string, err error) {
	if !r.Check(name, err == nil, err) {
		r.Close()
	}
}

// Close prints the closing line and ends the process.
func (r *Report) Close() {
	fmt.Printf("%s: %d passed, %d failed\n", r.Client, r.passed, r.failed)
	if r.failed > 0 || r.passed == 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// Plan is the records of one run, in the order in which each partition must hold them.
type Plan struct {
	Topic string
	Sent  [Partitions][]Record
	rng   *rand.Rand
	clock int64
}

// NewPlan draws from KLAMM_SEED or a fresh seed, which it prints.
func NewPlan(client string) *Plan {
	seed := time.Now().UnixNano() & 0xffffffff
	if given, err := strconv.ParseInt(os.Getenv("KLAMM_SEED"), 10, 64); err == nil {
		seed = given
	}
	fmt.Printf("%s: seed %d\n", client, seed)
	return &Plan{
		Topic: fmt.Sprintf("check-%s-%08x-%d", client, seed, time.Now().Unix()%100000),
		rng:   rand.New(rand.NewSource(seed)),
		clock: time.Now().UnixMilli() - 3_600_000,
	}
}

// Records draws the records of one pair of codec and acks and notes them as sent.
func (p *Plan) Records(largest bool) []Record {
	values := [][]byte{nil}
	sizes := []int{0, 1, 100, 1_000, 16_384, 100_000}
	if largest || !Short {
		sizes = append(sizes, 900_000)
	}
	small := 200
	if Short {
		small = 20
	}
	for range small {
		sizes = append(sizes, p.rng.Intn(300))
	}
	for _, size := range sizes {
		values = append(values, p.value(size))
	}
	records := make([]Record, 0, len(values))
	for _, value := range values {
		record := p.record(value)
		p.Sent[record.Partition] = append(p.Sent[record.Partition], record)
		records = append(records, record)
	}
	return records
}

func (p *Plan) record(value []byte) Record {
	p.clock += 1 + p.rng.Int63n(49)
	keys := [][]byte{nil, {}, []byte("key"), p.bytes(16)}
	return Record{int32(p.rng.Intn(Partitions)), keys[p.rng.Intn(4)], value, p.headers(), p.clock}
}

func (p *Plan) headers() []Header {
	if p.rng.Intn(2) == 0 {
		return nil
	}
	several := []Header{{"empty", []byte{}}, {"twice", []byte("one")}, {"twice", p.bytes(9)}, {"grüß", []byte{255, 0}}}
	return several[:1+p.rng.Intn(4)]
}

// value is compressible half of the time.
func (p *Plan) value(size int) []byte {
	if p.rng.Intn(2) == 0 {
		return p.bytes(size)
	}
	line := fmt.Appendf(nil, "%d the same words again and again; ", p.rng.Intn(1000))
	return bytes.Repeat(line, size/len(line)+1)[:size]
}

func (p *Plan) bytes(size int) []byte {
	drawn := make([]byte, size)
	p.rng.Read(drawn)
	return drawn
}

// Ends is the log end of each partition when everything has arrived.
func (p *Plan) Ends() (ends [Partitions]int64) {
	for partition, sent := range p.Sent {
		ends[partition] = int64(len(sent))
	}
	return ends
}

// Total is how many records were sent.
func (p *Plan) Total() (total int) {
	for _, sent := range p.Sent {
		total += len(sent)
	}
	return total
}

// AwaitEnds waits for the log ends: acks=0 returns before the broker has the records.
func (p *Plan) AwaitEnds(r *Report, name string, ends func() [Partitions]int64) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := ends()
		if got == p.Ends() || time.Now().After(deadline) {
			r.Equal("log end after "+name, got, p.Ends())
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Compare holds what arrived against what was sent, byte by byte.
func (p *Plan) Compare(r *Report, came [Partitions][]Arrived) {
	for partition, sent := range p.Sent {
		name := fmt.Sprintf("partition %d ", partition)
		r.Equal(name+"count", len(came[partition]), len(sent))
		dense, wrong := true, ""
		for index, arrived := range came[partition][:min(len(sent), len(came[partition]))] {
			dense = dense && arrived.Offset == int64(index)
			if difference := sent[index].difference(arrived.Record); difference != "" && wrong == "" {
				wrong = fmt.Sprintf("offset %d: %s", index, difference)
			}
		}
		r.Check(name+"offsets dense", dense, "")
		r.Check(name+"every byte and timestamp", wrong == "", wrong)
	}
}

func (a Record) difference(b Record) string {
	switch {
	case !same(a.Key, b.Key):
		return fmt.Sprintf("key %s became %s", brief(a.Key), brief(b.Key))
	case !same(a.Value, b.Value):
		return fmt.Sprintf("value %s became %s", brief(a.Value), brief(b.Value))
	case a.Timestamp != b.Timestamp:
		return fmt.Sprintf("timestamp %d became %d", a.Timestamp, b.Timestamp)
	case len(a.Headers) != len(b.Headers):
		return fmt.Sprintf("%d headers became %d", len(a.Headers), len(b.Headers))
	}
	for i, header := range a.Headers {
		if header.Key != b.Headers[i].Key || !same(header.Value, b.Headers[i].Value) {
			return fmt.Sprintf("header %q changed", header.Key)
		}
	}
	return ""
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func brief(data []byte) string {
	if data == nil {
		return "null"
	}
	return fmt.Sprintf("%q (%d bytes)", data[:min(len(data), 20)], len(data))
}

// Seek is a timestamp to ask for and the offset that must be answered.
type Seek struct {
	Partition int32
	Timestamp int64
	Offset    int64
}

// Seeks names timestamps of records, between records, and before all.
func (p *Plan) Seeks() (seeks []Seek) {
	for partition, sent := range p.Sent {
		for _, index := range []int{0, len(sent) / 3, len(sent) / 2, len(sent) - 1} {
			seeks = append(seeks, Seek{int32(partition), sent[index].Timestamp, int64(index)})
		}
		seeks = append(seeks, Seek{int32(partition), sent[5].Timestamp + 1, 6}, Seek{int32(partition), 0, 0})
	}
	return seeks
}
