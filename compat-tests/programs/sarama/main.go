// sarama: produce in each compression, idempotent; read partitions directly; admin.
// Arguments: the broker's address and a topic prefix.
package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
)

const (
	partitions = 3
	records    = 300
)

// Recent, so that no retention applies.
var startMs = time.Now().Add(-time.Minute).UnixMilli()

func message(topic string, i int) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{
		Topic: topic, Partition: int32(i % partitions), Timestamp: time.UnixMilli(startMs + int64(i)),
		Value:   sarama.StringEncoder(fmt.Sprintf("value-%d", i)),
		Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: fmt.Append(nil, i)}, {Key: []byte("n"), Value: []byte("twice")}},
	}
	if i%7 != 0 {
		m.Key = sarama.StringEncoder(fmt.Sprintf("key-%d", i))
	}
	return m
}

func config(codec sarama.CompressionCodec) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Compression = codec
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true
	return c
}

func codec(bootstrap, topic string, codec sarama.CompressionCodec) error {
	conf := config(codec)
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, conf)
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, conf)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for i := range records {
		messages = append(messages, message(topic, i))
	}
	if err := producer.SendMessages(messages); err != nil {
		return err
	}
	consumer, err := sarama.NewConsumer([]string{bootstrap}, conf)
	if err != nil {
		return err
	}
	defer consumer.Close()
	for p := range int32(partitions) {
		if err := read(consumer, topic, p); err != nil {
			return err
		}
	}
	return admin.DeleteTopic(topic)
}

func read(consumer sarama.Consumer, topic string, partition int32) error {
	from, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer from.Close()
	for n := range int64(records / partitions) {
		select {
		case m, open := <-from.Messages():
			if !open {
				return fmt.Errorf("partition %d: the reader ended before offset %d", partition, n)
			}
			i := int(n)*partitions + int(partition)
			want := message(topic, i)
			value, _ := want.Value.Encode()
			var key []byte
			if want.Key != nil {
				key, _ = want.Key.Encode()
			}
			if m.Offset != n || !bytes.Equal(m.Value, value) || !bytes.Equal(m.Key, key) || len(m.Headers) != 2 || !m.Timestamp.Equal(want.Timestamp) {
				return fmt.Errorf("partition %d, offset %d: got %q %q at %d", partition, n, m.Key, m.Value, m.Offset)
			}
		case <-time.After(15 * time.Second):
			return fmt.Errorf("partition %d: nothing at offset %d", partition, n)
		}
	}
	return nil
}

func main() {
	bootstrap, prefix := os.Args[1], os.Args[2]
	bad := 0
	for _, kind := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		if err := codec(bootstrap, fmt.Sprintf("%s-%s", prefix, kind), kind); err != nil {
			bad = 1
			fmt.Fprintf(os.Stderr, "%s: %v\n", kind, err)
			fmt.Println("fail", kind)
			continue
		}
		fmt.Println("ok", kind)
	}
	os.Exit(bad)
}
