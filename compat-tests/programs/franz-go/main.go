// franz-go: produce in each compression, idempotent; read directly, without a group; admin requests; groups.
// Arguments: the broker's address and a topic prefix; or exactly-once and what runExactlyOnce takes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	partitions = 3
	records    = 300
)

// Recent, so that no retention applies.
var startMs = time.Now().Add(-time.Minute).UnixMilli()

func record(topic string, i int) *kgo.Record {
	r := &kgo.Record{
		Topic: topic, Partition: int32(i % partitions), Timestamp: time.UnixMilli(startMs + int64(i)),
		Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}, {Key: "n", Value: []byte("twice")}},
	}
	if i%7 != 0 {
		r.Key = fmt.Appendf(nil, "key-%d", i)
	}
	if i%11 != 0 {
		r.Value = fmt.Appendf(nil, "value-%d-%s", i, strings.Repeat("x", i%200))
	}
	return r
}

func create(ctx context.Context, client *kgo.Client, topic string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, partitions, 1
	request.Topics = append(request.Topics, wanted)
	reply, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(reply.Topics[0].ErrorCode)
}

func codec(ctx context.Context, bootstrap, topic string, codec kgo.CompressionCodec) error {
	producer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codec),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := create(ctx, producer, topic); err != nil {
		return err
	}
	var sent []*kgo.Record
	for i := range records {
		sent = append(sent, record(topic, i))
	}
	for _, result := range producer.ProduceSync(ctx, sent...) {
		if result.Err != nil {
			return result.Err
		}
	}
	start := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		start[p] = kgo.NewOffset().AtStart()
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.FetchMaxPartitionBytes(4000),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	next := map[int32]int64{}
	for got := 0; got < records; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("after %d records: %w", got, err)
		}
		for _, r := range fetches.Records() {
			if r.Offset != next[r.Partition] {
				return fmt.Errorf("partition %d: offset %d, not %d", r.Partition, r.Offset, next[r.Partition])
			}
			next[r.Partition]++
			want := record(topic, int(r.Offset)*partitions+int(r.Partition))
			if !bytes.Equal(r.Key, want.Key) || !bytes.Equal(r.Value, want.Value) || (r.Value == nil) != (want.Value == nil) ||
				!r.Timestamp.Equal(want.Timestamp) || fmt.Sprint(r.Headers) != fmt.Sprint(want.Headers) {
				return fmt.Errorf("sent %v, got %v", want, r)
			}
			got++
		}
	}
	return nil
}

// exact reads from an offset and from a time.
func exact(ctx context.Context, bootstrap, topic string) error {
	for name, offset := range map[string]kgo.Offset{
		"offset": kgo.NewOffset().At(10), "time": kgo.NewOffset().AfterMilli(startMs + 10*partitions), "end": kgo.NewOffset().AtEnd().Relative(-int64(records/partitions) + 10),
	} {
		consumer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: offset}}))
		if err != nil {
			return err
		}
		fetches := consumer.PollFetches(ctx)
		consumer.Close()
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if first := fetches.Records()[0]; first.Offset != 10 {
			return fmt.Errorf("%s: the first offset is %d", name, first.Offset)
		}
	}
	return nil
}

func main() {
	if os.Args[1] == "exactly-once" {
		runExactlyOnce(os.Args[2:])
		return
	}
	bootstrap, prefix := os.Args[1], os.Args[2]
	bad := 0
	report := func(name string, run func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := run(ctx); err != nil {
			bad = 1
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			fmt.Println("fail", name)
			return
		}
		fmt.Println("ok", name)
	}
	codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	kinds := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	for i, name := range codecs {
		report(name, func(ctx context.Context) error { return codec(ctx, bootstrap, prefix+"-"+name, kinds[i]) })
	}
	report("exact", func(ctx context.Context) error { return exact(ctx, bootstrap, prefix+"-none") })
	eager, cooperative := kgo.Balancers(kgo.RangeBalancer()), kgo.Balancers(kgo.CooperativeStickyBalancer())
	report("eager", func(ctx context.Context) error { return group(ctx, bootstrap, prefix+"-eager", eager) })
	report("cooperative", func(ctx context.Context) error { return group(ctx, bootstrap, prefix+"-cooperative", cooperative) })
	report("consumer-protocol", func(ctx context.Context) error {
		return group(ctx, bootstrap, prefix+"-consumer", kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	})
	os.Exit(bad)
}
