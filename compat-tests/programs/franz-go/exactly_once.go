package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Transactions that go on through every failure. Two members of a group copy a stage to the next; a teller moves money
// between accounts. Some transactions are aborted on purpose, and their records say so; the teller says which commits it tries. A line "drain" on standard
// input stops the teller, the end of the input all.
type exactlyOnce struct {
	bootstrap, prefix string
	stage             int
	draining, stopped atomic.Bool
	out               sync.Mutex
}

const (
	name     = "go"
	accounts = 8
	patience = 20 * time.Second
)

func runExactlyOnce(args []string) {
	number := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	e := &exactlyOnce{bootstrap: args[0], prefix: args[1], stage: int(number(args[2]))}
	seed, first := number(args[3]), number(args[4])
	var all sync.WaitGroup
	for member := range int64(2) {
		all.Go(func() { e.copy(member, rand.New(rand.NewSource(seed+member))) })
	}
	all.Go(func() { e.tell(first, rand.New(rand.NewSource(seed+2))) })
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		e.draining.Store(true)
	}
	e.draining.Store(true)
	e.stopped.Store(true)
	all.Wait()
}

func (e *exactlyOnce) say(format string, args ...any) {
	e.out.Lock()
	defer e.out.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (e *exactlyOnce) options(id string, more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(e.bootstrap), kgo.TransactionalID(e.prefix + "-" + name + "-" + id), kgo.TransactionTimeout(patience),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
	}, more...)
}

func fateOf(commit bool) string {
	if commit {
		return "c"
	}
	return "a"
}

func (e *exactlyOnce) copy(member int64, dice *rand.Rand) {
	var session *kgo.GroupTransactSession
	for !e.stopped.Load() {
		var err error
		if session == nil {
			session, err = kgo.NewGroupTransactSession(e.options(fmt.Sprint("copy-", member),
				kgo.ConsumerGroup(e.prefix+"-"+name), kgo.ConsumeTopics(fmt.Sprint(e.prefix, "-", e.stage)),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
				kgo.SessionTimeout(2*time.Second), kgo.HeartbeatInterval(300*time.Millisecond))...)
		}
		if err == nil {
			err = e.copySome(session, dice)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "copy %d: %v\n", member, err)
			if session != nil {
				session.Close()
				session = nil
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if session != nil {
		session.Close()
	}
}

// copySome copies what the next poll brings. The session itself goes back to what is committed after an abort.
func (e *exactlyOnce) copySome(session *kgo.GroupTransactSession, dice *rand.Rand) error {
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	fetches := session.PollRecords(short, 50)
	cancel()
	if fetches.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := session.Begin(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	commit, promise := dice.Intn(5) > 0, kgo.AbortingFirstErrPromise(session.Client())
	fetches.EachRecord(func(r *kgo.Record) {
		parts := strings.Split(string(r.Value), ":")
		session.Produce(ctx, &kgo.Record{
			Topic: fmt.Sprint(e.prefix, "-", e.stage+1), Partition: r.Partition, Key: r.Key,
			Value: []byte(parts[0] + ":" + parts[1] + ":" + fateOf(commit)),
		}, promise.Promise())
	})
	err := promise.Err()
	if _, end := session.End(ctx, kgo.TransactionEndTry(commit && err == nil)); end != nil {
		return fmt.Errorf("end: %w", end)
	}
	if err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	return nil
}

func (e *exactlyOnce) tell(n int64, dice *rand.Rand) {
	var client *kgo.Client
	for ; !e.draining.Load(); n++ {
		var err error
		if client == nil {
			client, err = kgo.NewClient(e.options("bank")...)
		}
		if err == nil {
			err = e.transfer(client, dice, n, dice.Intn(4) > 0)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bank: %v\n", err)
			if client != nil {
				client.Close()
				client = nil
			}
		}
		time.Sleep(time.Duration(dice.Intn(30)) * time.Millisecond)
	}
	if client != nil {
		client.Close()
	}
	e.say("drained")
}

// A transfer: each record takes from one account or gives to one, and all together nothing.
func (e *exactlyOnce) transfer(client *kgo.Client, dice *rand.Rand, n int64, commit bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	fate, parts, rest := fateOf(commit), 2+dice.Intn(4), 0
	promise := kgo.AbortingFirstErrPromise(client)
	send := func(topic string, partition int32, key, value string) {
		client.Produce(ctx, &kgo.Record{Topic: e.prefix + topic, Partition: partition, Key: []byte(key), Value: []byte(value)}, promise.Promise())
	}
	for i := range parts {
		amount := dice.Intn(200) - 100
		if i == parts-1 {
			amount = -rest
		}
		rest += amount
		send("-bank", 2, fmt.Sprint(dice.Intn(accounts)), fmt.Sprintf("%d:%d:%d:%d:%s", n, i, parts, amount, fate))
		if dice.Intn(3) == 0 {
			if err := client.Flush(ctx); err != nil {
				return fmt.Errorf("flush: %w", err)
			}
		}
	}
	send("-journal", int32(n%2), name, fmt.Sprintf("%d:%s", n, fate))
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := promise.Err(); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	if !commit {
		return client.EndTransaction(ctx, kgo.TryAbort)
	}
	e.say("trying %d", n)
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	e.say("committed %d", n)
	return nil
}
