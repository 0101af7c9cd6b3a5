//! The power goes out at every step of rounds, of the journal's turning over and of its recovery.
use super::fleet::{Fleet, Open};
use crate::env::Rng;
use crate::log::LogError;

const LANES: usize = 3;
/// How many ways in which a crash may leave what was not synced are tried for each step.
const WAYS: u64 = 6;
/// Random schedules, and how long each is.
const SCHEDULES: u64 = 250;
const STEPS: usize = 40;

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    Round,
    Flush(usize),
    Retire,
    Checkpoint,
    Delete(usize),
    Recreate(usize),
    Tick,
    Restart,
}

impl Step {
    fn random(rng: &dyn Rng) -> Self {
        let lane = rng.below(LANES as u64) as usize;
        match rng.below(24) {
            0..=9 => Self::Append(lane),
            10..=15 => Self::Round,
            16 => Self::Flush(lane),
            17..=18 => Self::Retire,
            19 => Self::Checkpoint,
            20 => Self::Delete(lane),
            21 => Self::Recreate(lane),
            22 => Self::Tick,
            _ => Self::Restart,
        }
    }

    fn run(self, fleet: &mut Fleet, open: &mut Option<Open>) -> Result<(), LogError> {
        let Some(now) = open else { return Ok(()) };
        match self {
            Self::Append(lane) => fleet.append(now, lane)?,
            Self::Round => fleet.round(now)?,
            Self::Flush(lane) => {
                now.logs[lane].flush()?;
                fleet.acknowledge(now);
            }
            Self::Retire => {
                std::mem::take(&mut now.retiring).iter().try_for_each(|log| log.flush().map(|_| ()))?;
            }
            Self::Checkpoint => now.directory.checkpoint()?,
            Self::Delete(lane) => fleet.delete_before(now, lane)?,
            Self::Recreate(lane) => fleet.recreate(now, lane)?,
            Self::Tick => fleet.tick(now)?,
            Self::Restart => {
                now.directory.close(1, &Default::default())?;
                fleet.acknowledge(now);
                *open = None;
                fleet.files.kill();
                *open = Some(fleet.start()?);
            }
        }
        Ok(())
    }
}

/// Runs until the end, or until the power is out.
fn run(fleet: &mut Fleet, steps: &[Step]) -> Option<Open> {
    let mut open = Some(fleet.start().ok()?);
    for step in steps {
        step.run(fleet, &mut open).ok()?;
    }
    open
}

/// Starts again, now and then with another cut on the way, and compares.
fn recover(fleet: &mut Fleet) -> Open {
    for _ in 0..2 {
        if fleet.rng.below(2) == 0 {
            fleet.files.cut_power_after(fleet.rng.below(40));
            let open = fleet.start().ok();
            fleet.crash(open);
        }
    }
    let open = fleet.start().unwrap_or_else(|error| panic!("it does not open: {error}"));
    fleet.check(&open);
    open
}

/// Says which one it was, if it fails.
fn guarded<T>(what: &str, test: impl FnOnce() -> T + std::panic::UnwindSafe) -> T {
    std::panic::catch_unwind(test).unwrap_or_else(|panic| {
        eprintln!("failed: {what}");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn the_power_goes_out_at_every_step() {
    use Step::{Append, Checkpoint, Delete, Flush, Recreate, Restart, Retire, Round, Tick};
    let schedules: [&[Step]; 4] = [
        // Two rounds fill a side: the third turns over, the fifth again, after the logs were retired.
        &[
            Append(0),
            Append(1),
            Append(2),
            Round,
            Append(0),
            Append(1),
            Round,
            Append(0),
            Append(2),
            Round,
            Append(1),
            Round,
            Append(0),
            Round,
            Retire,
            Append(0),
            Append(1),
            Round,
            Append(2),
            Round,
            Append(0),
            Round,
            Retire,
            Append(1),
            Round,
        ],
        // Own flushes and checkpoints between rounds; segments roll.
        &[
            Append(0),
            Append(1),
            Round,
            Flush(0),
            Append(0),
            Append(1),
            Round,
            Checkpoint,
            Append(0),
            Append(0),
            Append(0),
            Append(0),
            Append(0),
            Append(0),
            Append(0),
            Append(0),
            Round,
            Append(0),
            Append(1),
            Round,
        ],
        // Entries that nobody needs any more: deleted records, a topic made anew under its name.
        &[
            Append(0),
            Append(1),
            Round,
            Append(0),
            Append(1),
            Round,
            Delete(0),
            Recreate(1),
            Append(1),
            Round,
            Append(1),
            Append(0),
            Round,
            Tick,
            Append(1),
            Round,
        ],
        // A clean stop, and rounds after it.
        &[
            Append(0),
            Round,
            Append(0),
            Append(1),
            Round,
            Restart,
            Append(0),
            Round,
            Append(0),
            Append(1),
            Round,
        ],
    ];
    let mut crashes = 0u32;
    for (n, steps) in schedules.iter().enumerate() {
        for cut in 0.. {
            let mut reached_the_end = false;
            for way in 0..WAYS {
                let what = format!("schedule {n}, power out after {cut} changes, way {way}");
                reached_the_end = guarded(&what, || {
                    let mut fleet = Fleet::new(way * 1_000_003 + cut, LANES);
                    fleet.files.cut_power_after(cut);
                    let open = run(&mut fleet, steps);
                    let ended = open.is_some();
                    fleet.crash(open);
                    let open = recover(&mut fleet);
                    fleet.crash(Some(open));
                    recover(&mut fleet);
                    ended
                });
                crashes += 1;
            }
            if reached_the_end {
                break;
            }
        }
    }
    assert!(crashes > 1000, "{crashes}");
}

#[test]
fn random_schedules_survive_the_power_cut() {
    let only: Option<u64> = std::env::var("KLAMM_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..SCHEDULES, |seed| seed..seed + 1) {
        guarded(&format!("run it alone with KLAMM_CRASH_SEED={seed}"), move || {
            let mut fleet = Fleet::new(seed, LANES);
            let mut open = Some(fleet.start().unwrap());
            for _ in 0..4 {
                fleet.files.cut_power_after(fleet.rng.below(250));
                for _ in 0..STEPS {
                    let step = Step::random(&fleet.rng);
                    if step.run(&mut fleet, &mut open).is_err() {
                        break;
                    }
                }
                fleet.crash(open.take());
                open = Some(recover(&mut fleet));
            }
        });
    }
}
