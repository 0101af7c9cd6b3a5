# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_klamm_global_optspecs
    string join \n h/help V/version
end

function __fish_klamm_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_klamm_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_klamm_using_subcommand
    set -l cmd (__fish_klamm_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c klamm -n "__fish_klamm_needs_command" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_needs_command" -s V -l version -d 'Print version'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "serve" -d 'Start the broker'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "health" -d 'Ask whether the broker answers, for probes'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "topic" -d 'List, create, describe, delete and alter topics'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "group" -d 'List, describe, reset and delete consumer groups'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "produce" -d 'Send lines of files or stdin as records'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "consume" -d 'Print the records of topics'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "bench" -d 'Put load on a broker and measure'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "dump" -d 'Show what is in files of a log directory: batches, records, indexes, checkpoints'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "check" -d 'Verify a log directory offline, and say what is wrong and where'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "recover" -d 'Recover a log directory after a crash, so that Kafka can boot on it'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "format" -d 'Make log directories ready for a cluster, as kafka-storage does'
complete -c klamm -n "__fish_klamm_needs_command" -f -a "remote" -d 'Look into the bucket of tiered storage, check it, bring a topic back'
complete -c klamm -n "__fish_klamm_using_subcommand serve" -l override -d 'Set one option, over what the file says; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand serve" -l log-format -d 'Form of log lines: auto (colours on a terminal), text, json; sets klamm.log.format' -r
complete -c klamm -n "__fish_klamm_using_subcommand serve" -l log-level -d 'How much to log: error, warn, info, debug, trace; sets klamm.log.level' -r
complete -c klamm -n "__fish_klamm_using_subcommand serve" -l container -d 'Take settings as Kafka\'s container image does: /mnt/shared/config/server.properties if it is there, listeners as advertised, data in /var/lib/kafka/data'
complete -c klamm -n "__fish_klamm_using_subcommand serve" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand health" -l override -d 'Set one option, over what the file says; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand health" -s b -l bootstrap-server -d 'Where the broker is [default: the first plain listener of the configuration]' -r
complete -c klamm -n "__fish_klamm_using_subcommand health" -l timeout -d 'How long to wait for an answer' -r
complete -c klamm -n "__fish_klamm_using_subcommand health" -l container -d 'Take settings as Kafka\'s container image does: /mnt/shared/config/server.properties if it is there, listeners as advertised, data in /var/lib/kafka/data'
complete -c klamm -n "__fish_klamm_using_subcommand health" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -f -a "list" -d 'List the topics'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -f -a "create" -d 'Create a topic'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -f -a "describe" -d 'Show partitions, leaders, offsets and what was configured'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -f -a "delete" -d 'Delete topics and all their records'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and not __fish_seen_subcommand_from list create describe delete alter" -f -a "alter" -d 'Add partitions, set and unset options'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from list" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from list" -l internal -d 'Also those which the brokers keep for themselves'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l partitions -d 'How many partitions [default: the broker\'s num.partitions]' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l replication-factor -d 'How many copies of each [default: the broker\'s default.replication.factor]' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l config -d 'Set a topic option; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l if-not-exists -d 'A topic that exists already is fine'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from describe" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from describe" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from describe" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from delete" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from delete" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from delete" -l if-exists -d 'A topic that does not exist is fine'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from delete" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -l partitions -d 'How many partitions it shall have: more than now' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -l config -d 'Set a topic option; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -l delete-config -d 'Return a topic option to its default; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand topic; and __fish_seen_subcommand_from alter" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -f -a "list" -d 'List the groups'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -f -a "describe" -d 'Show how far groups have read, and who is in them'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -f -a "reset" -d 'Set where a group without members reads on; a dry run unless --execute is given'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -f -a "delete" -d 'Delete groups without members, and all that they have committed'
complete -c klamm -n "__fish_klamm_using_subcommand group; and not __fish_seen_subcommand_from list describe reset delete delete-offsets" -f -a "delete-offsets" -d 'Forget what a group has committed for topics that it does not read now'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -l state -d 'Only groups in this state: empty, stable, assigning, ...; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -l type -d 'Only groups of this type: classic, consumer, share, streams; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -l members -d 'Show the members and what each of them reads'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -l state -d 'Show the state, the coordinator and the assignor'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l topic -d 'A topic, or some of its partitions; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l to-offset -d 'Read on at this offset' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l to-datetime -d 'Read on at the first record of this time or later: 2026-01-31, 2026-01-31T12:30 (UTC)' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l by-duration -d 'Read on at what is so old: 30s, 90m, 1d12h, P1DT12H' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l shift-by -d 'Move each committed offset forward, or back if negative' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l all-topics -d 'All that the group has committed'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l to-earliest -d 'Read on at the first offset that is still there'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l to-latest -d 'Read on at the end'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l to-current -d 'Read on where it is, and at the end where nothing is committed'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l execute -d 'Commit the new offsets'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l topic -d 'A topic, or some of its partitions; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l json -d 'Print JSON'
complete -c klamm -n "__fish_klamm_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s K -l key-separator -d 'What parts key and value on a line (\\t is a tab); without it there are no keys' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s H -l header -l headers -d 'A header for every record; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l null-value -d 'A value, or key, that stands for null' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s p -l partition -d 'The partition of records that name none [default: by key, or any]' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s z -l compression -d 'How batches are compressed' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l acks -d 'Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)' -r -f -a "all\t''
-1\t''
1\t''
0\t''"
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l batch-size -d 'Bytes of a batch before compression' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l linger -d 'How long a record may wait for others to fill its batch, in ms' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l json -d 'Each line is a JSON object'
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l line-headers -d 'Each line begins with its headers: name:value,name:value and a tab'
complete -c klamm -n "__fish_klamm_using_subcommand produce" -l no-idempotence -d 'Do not tell repeated batches apart (implied by --acks 1 and 0)'
complete -c klamm -n "__fish_klamm_using_subcommand produce" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l from -d 'Where to begin: beginning, end, an offset, -N (the last N), a date, @MS' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s p -l partition -d 'Only this partition; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s n -l max -d 'Stop after so many records' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l idle -d 'Stop when nothing has come for so long' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l format -d 'Print each record so (see below)' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s K -l key-separator -d 'Print the key too, and this after it (\\t is a tab)' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l delimiter -d 'What ends a record' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l null-value -d 'What stands for null' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s f -l follow -d 'Wait for more at the end (the default)'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s e -l exit -d 'Stop at what is the end now'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l read-committed -d 'Leave out records of transactions that are open or aborted'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l json -d 'Print one JSON object per record'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -l headers -d 'Print the headers too, before all else, and a tab after them'
complete -c klamm -n "__fish_klamm_using_subcommand consume" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "produce" -d 'Send records as fast as they are acknowledged, or at a rate'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "consume" -d 'Read a topic from its start, or follow it'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "latency" -d 'Measure the way of records from producer to consumer'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "groups" -d 'Run groups of consumers that only coordinate'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "connections" -d 'Open many connections and ask a little on each'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and not __fish_seen_subcommand_from produce consume latency groups connections mix" -f -a "mix" -d 'Run producers, consumers, groups and silent connections side by side'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s s -l size -d 'Bytes of a record\'s value' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s r -l rate -d 'Records per second of all clients together [default: as many as replies allow]' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s c -l clients -d 'Clients, each with connections of its own' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l batch-size -d 'Bytes of a batch before compression; at least one record' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l linger -d 'How long a record may wait for others, in ms; matters with --rate' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l partitions-per-request -d 'Partitions that a request has batches for' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l in-flight -d 'Requests of a connection without reply' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s z -l compression -d 'How batches are compressed' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l entropy -d 'Percentage of a value that is random; the rest compresses well' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l keys -d 'Distinct keys; 0 for none' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l acks -d 'Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)' -r -f -a "all\t''
-1\t''
1\t''
0\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s n -l records -d 'Stop after this many records instead of after a time' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l transaction -d 'Send transactions of this many records' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l idempotent -d 'Number the batches, so that the broker tells repeated ones apart'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from produce" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -s c -l clients -d 'Clients; they share the partitions' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l passes -d 'How often all is read' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l fetch-bytes -d 'Most bytes of a reply' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l partition-bytes -d 'Most bytes of one partition in a reply' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l min-bytes -d 'Bytes that the broker shall wait for' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l max-wait -d 'How long it may wait for them, in ms' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l fetches -d 'Requests of a connection on their way, each for a share of its partitions' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l tail -d 'Follow what is written, for --duration; each client reads all partitions'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l gaps -d 'Take gaps between offsets for granted: the topic is compacted'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from consume" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s s -l size -d 'Bytes of a record\'s value' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s c -l clients -d 'Clients, each with connections of its own' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l batch-size -d 'Bytes of a batch before compression; at least one record' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l partitions-per-request -d 'Partitions that a request has batches for' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l in-flight -d 'Requests of a connection without reply' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s z -l compression -d 'How batches are compressed' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l entropy -d 'Percentage of a value that is random; the rest compresses well' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l keys -d 'Distinct keys; 0 for none' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l acks -d 'Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)' -r -f -a "all\t''
-1\t''
1\t''
0\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s r -l rate -d 'Records per second of all clients together [default: as many as replies allow]' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l linger -d 'How long a record may wait for others, in ms; matters with --rate' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l idempotent -d 'Number the batches, so that the broker tells repeated ones apart'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from latency" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l groups -d 'Groups' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l members -d 'Members of each group, each with a connection of its own' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l protocol -d 'How members speak to their coordinator: consumer (KIP-848) or classic' -r -f -a "consumer\t'KIP-848: one request that does everything'
classic\t'JoinGroup, SyncGroup, Heartbeat'"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l heartbeat -d 'Time between two heartbeats of a member, in ms' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l commits -d 'Commits per second of each member' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l count -d 'Connections' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -s r -l rate -d 'Requests per second of all connections together' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l threads -d 'Threads that the connections share' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from connections" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s s -l size -d 'Bytes of a record\'s value' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s c -l clients -d 'Clients, each with connections of its own' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l batch-size -d 'Bytes of a batch before compression; at least one record' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l linger -d 'How long a record may wait for others, in ms; matters with --rate' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l partitions-per-request -d 'Partitions that a request has batches for' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l in-flight -d 'Requests of a connection without reply' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s z -l compression -d 'How batches are compressed' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l entropy -d 'Percentage of a value that is random; the rest compresses well' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l keys -d 'Distinct keys; 0 for none' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l acks -d 'Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)' -r -f -a "all\t''
-1\t''
1\t''
0\t''"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l greedy -d 'Producers that send as much as they can' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l followers -d 'Consumers that follow what is written' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l replays -d 'Consumers that read what is there at the start, over and over' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l silent -d 'Connections that do nothing' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l groups -d 'Groups' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l members -d 'Members of each group, each with a connection of its own' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l protocol -d 'How members speak to their coordinator: consumer (KIP-848) or classic' -r -f -a "consumer\t'KIP-848: one request that does everything'
classic\t'JoinGroup, SyncGroup, Heartbeat'"
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l heartbeat -d 'Time between two heartbeats of a member, in ms' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l commits -d 'Commits per second of each member' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s t -l topic -d 'The topic; made if there is none, and then deleted at the end' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l partitions -d 'Partitions of the topic if it is made' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l topic-config -d 'A setting of the topic if it is made, for instance flush.messages=1; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s d -l duration -d 'How long to measure' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l warmup -d 'How long to run before, without measuring' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l server-pid -d 'Process id of the broker, if it runs here: its CPU time and memory are reported' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s b -l bootstrap-server -d 'Where a broker is; several separated by commas' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l timeout -d 'How long to wait for an answer, tries included' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s r -l rate -d 'Records per second of all clients together [default: as many as replies allow]' -r
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l idempotent -d 'Number the batches, so that the broker tells repeated ones apart'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l keep -d 'Do not delete the topic'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -l json -d 'Report as JSON'
complete -c klamm -n "__fish_klamm_using_subcommand bench; and __fish_seen_subcommand_from mix" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c klamm -n "__fish_klamm_using_subcommand dump" -l topic -d 'The topic whose records they are, for files that do not lie in `<topic>-<partition>`' -r
complete -c klamm -n "__fish_klamm_using_subcommand dump" -l records -d 'Show the records too; those of internal topics by their meaning'
complete -c klamm -n "__fish_klamm_using_subcommand dump" -l json -d 'One JSON object per line'
complete -c klamm -n "__fish_klamm_using_subcommand dump" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand check" -l json -d 'One JSON object per line'
complete -c klamm -n "__fish_klamm_using_subcommand check" -l quiet -d 'Leave out the notes'
complete -c klamm -n "__fish_klamm_using_subcommand check" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand recover" -l json -d 'One JSON object per line'
complete -c klamm -n "__fish_klamm_using_subcommand recover" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s c -l config -d 'A server.properties as Kafka reads it' -r -F
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s t -l cluster-id -d 'Id of the cluster; a random one if it is left out' -r
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s I -l initial-controllers -d 'The voters, id@host:port:directory; for Klamm this node only' -r
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s f -l feature -d 'Level that a feature begins with; may be repeated' -r
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s r -l release-version -d 'The metadata.version to begin with, such as 4.3-IV0 or 4.2' -r
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s S -l add-scram -d 'Credentials to begin with: not supported yet' -r
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s s -l standalone -d 'This node alone is the quorum (the default unless controller.quorum.voters is set)'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s N -l no-initial-controllers -d 'Write no voters: another node will tell them'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s g -l ignore-formatted -d 'Leave directories alone that are formatted already'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -f -a "info" -d 'Say which log directories are formatted, and for which cluster'
complete -c klamm -n "__fish_klamm_using_subcommand format; and not __fish_seen_subcommand_from info random-uuid" -f -a "random-uuid" -d 'Print a random id for a cluster or a directory'
complete -c klamm -n "__fish_klamm_using_subcommand format; and __fish_seen_subcommand_from info" -s c -l config -d 'A server.properties as Kafka reads it' -r -F
complete -c klamm -n "__fish_klamm_using_subcommand format; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand format; and __fish_seen_subcommand_from random-uuid" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and not __fish_seen_subcommand_from ls verify pull" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and not __fish_seen_subcommand_from ls verify pull" -f -a "ls" -d 'List partitions, their segments and offsets'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and not __fish_seen_subcommand_from ls verify pull" -f -a "verify" -d 'Read everything and check it'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and not __fish_seen_subcommand_from ls verify pull" -f -a "pull" -d 'Bring segments back to a log directory'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from ls" -l topic -d 'Only this topic' -r
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from verify" -l topic -d 'Only this topic' -r
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from pull" -l topic -d 'Only this topic' -r
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from pull" -l dir -d 'The log directory; its broker must be stopped' -r -F
complete -c klamm -n "__fish_klamm_using_subcommand remote; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help'
