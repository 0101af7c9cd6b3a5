package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A member of a group, and which partitions it has.
type member struct {
	*kgo.Client
	lock     sync.Mutex
	assigned map[int32]bool
}

func join(bootstrap, topic string, more ...kgo.Opt) (*member, error) {
	m := &member{assigned: map[int32]bool{}}
	change := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, p := range partitions[topic] {
				m.assigned[p] = has
			}
		}
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
	}
	client, err := kgo.NewClient(append(options, more...)...)
	m.Client = client
	return m, err
}

func (m *member) partitions() []int32 {
	m.lock.Lock()
	defer m.lock.Unlock()
	var held []int32
	for p, has := range m.assigned {
		if has {
			held = append(held, p)
		}
	}
	return held
}

func (m *member) poll(ctx context.Context) ([]*kgo.Record, error) {
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	fetches := m.PollFetches(short)
	if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return fetches.Records(), ctx.Err()
}

// read takes exactly count records, none below an offset.
func read(ctx context.Context, count int, lowest int64, members ...*member) error {
	type place struct {
		partition int32
		offset    int64
	}
	got := map[place]bool{}
	for rest := 0; len(got) < count || rest < 2; {
		if len(got) >= count {
			rest++
		}
		for _, m := range members {
			records, err := m.poll(ctx)
			if err != nil {
				return fmt.Errorf("after %d of %d records: %w", len(got), count, err)
			}
			for _, r := range records {
				at := place{r.Partition, r.Offset}
				if r.Offset < lowest || got[at] {
					return fmt.Errorf("%v came again", at)
				}
				got[at] = true
			}
		}
	}
	if len(got) != count {
		return fmt.Errorf("%d records came, not %d", len(got), count)
	}
	return nil
}

func leave(ctx context.Context, members ...*member) error {
	for _, m := range members {
		if err := m.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
	}
	for _, m := range members {
		m.Close()
	}
	return nil
}

// shared waits until the members have all partitions, each one once, and no one none.
func shared(ctx context.Context, members ...*member) error {
	for {
		held := map[int32]int{}
		idle := false
		for _, m := range members {
			if records, err := m.poll(ctx); err != nil || len(records) > 0 {
				return fmt.Errorf("%d committed records came again: %w", len(records), err)
			}
			mine := m.partitions()
			idle = idle || len(mine) == 0
			for _, p := range mine {
				held[p]++
			}
		}
		once := !slices.ContainsFunc(slices.Collect(maps.Values(held)), func(n int) bool { return n != 1 })
		if len(held) == partitions && once && !idle {
			return nil
		}
	}
}

// group reads all and leaves; who comes back gets what is new; a second member takes its share.
func group(ctx context.Context, bootstrap, topic string, options ...kgo.Opt) error {
	producer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := create(ctx, producer, topic); err != nil {
		return err
	}
	send := func(each int) error {
		var sent []*kgo.Record
		for i := range each * partitions {
			sent = append(sent, record(topic, i))
		}
		return producer.ProduceSync(ctx, sent...).FirstErr()
	}
	var members []*member
	another := func() (err error) {
		m, err := join(bootstrap, topic, options...)
		members = append(members, m)
		return err
	}
	for _, step := range []func() error{
		func() error { return send(10) },
		another,
		func() error { return read(ctx, 10*partitions, 0, members...) },
		func() error { return leave(ctx, members...) },
		func() error { members = nil; return send(3) },
		another,
		func() error { return read(ctx, 3*partitions, 10, members...) },
		func() error { return members[0].CommitUncommittedOffsets(ctx) },
		another,
		func() error { return shared(ctx, members...) },
		func() error { return send(2) },
		func() error { return read(ctx, 2*partitions, 13, members...) },
		func() error { return leave(ctx, members...) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
