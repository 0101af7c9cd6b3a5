//! Record batches for scripts: honest ones, and ones that lie on purpose.

use klamm_schema::{Reader, Writer};
use serde_json::{Value, json};

const HEADER: usize = 61;

fn zigzag(buf: &mut Vec<u8>, value: i64) {
    let mut v = ((value << 1) ^ (value >> 63)) as u64;
    while v >= 0x80 {
        buf.push(v as u8 | 0x80);
        v >>= 7;
    }
    buf.push(v as u8);
}

fn sized(buf: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            zigzag(buf, bytes.len() as i64);
            buf.extend_from_slice(bytes);
        }
        None => zigzag(buf, -1),
    }
}

/// Builds a batch from its description. `records` is a list of `[key, value]` or
/// `[key, value, timestamp]` (null allowed for key and value); every other field of the header may be given to say something
/// else than the truth: `baseOffset`, `leaderEpoch`, `magic`, `crc` (`"bad"`), `attributes`,
/// `lastOffsetDelta`, `baseTimestamp`, `maxTimestamp`, `producerId`, `producerEpoch`,
/// `baseSequence`, `count`, `length`. `payload` (bytes) replaces the records' own bytes;
/// `offsetDeltas` replaces 0, 1, 2, ...
///
/// # Panics
/// When the description has a value of the wrong type.
#[must_use]
pub fn build(spec: &Value) -> Vec<u8> {
    const KNOWN: &[&str] = &[
        "records",
        "baseOffset",
        "leaderEpoch",
        "magic",
        "crc",
        "attributes",
        "lastOffsetDelta",
        "baseTimestamp",
        "maxTimestamp",
        "producerId",
        "producerEpoch",
        "baseSequence",
        "count",
        "length",
        "payload",
        "offsetDeltas",
    ];
    for key in spec.as_object().unwrap_or_else(|| panic!("{spec} is not a batch")).keys() {
        assert!(KNOWN.contains(&key.as_str()), "a batch has no field {key}");
    }
    let number = |key: &str, usual: i64| match &spec[key] {
        Value::Null => usual,
        v => v.as_i64().unwrap_or_else(|| panic!("{key} must be a number, not {v}")),
    };
    let records = spec["records"].as_array().cloned().unwrap_or_default();
    let base = number("baseTimestamp", 1_000_000);
    let (mut body, mut max) = (Vec::new(), base);
    for (i, record) in records.iter().enumerate() {
        let at = record[2].as_i64().unwrap_or(base);
        max = max.max(at);
        let mut one = vec![0];
        zigzag(&mut one, at - base);
        zigzag(&mut one, spec["offsetDeltas"][i].as_i64().unwrap_or(i as i64));
        sized(&mut one, record[0].as_str().map(str::as_bytes));
        sized(&mut one, record[1].as_str().map(str::as_bytes));
        zigzag(&mut one, 0);
        zigzag(&mut body, one.len() as i64);
        body.extend(one);
    }
    if let Some(payload) = spec["payload"].as_str() {
        body = crate::dynamic::bytes_of(payload);
    }
    let count = records.len() as i64;
    let mut w = Writer::new();
    w.i16(number("attributes", 0) as i16);
    w.i32(number("lastOffsetDelta", count - 1) as i32);
    w.i64(base);
    w.i64(number("maxTimestamp", max));
    w.i64(number("producerId", -1));
    w.i16(number("producerEpoch", -1) as i16);
    w.i32(number("baseSequence", -1) as i32);
    w.i32(number("count", count) as i32);
    w.buf.extend(body);
    let checked = w.buf;
    let crc = crc32c::crc32c(&checked) ^ u32::from(spec["crc"] == "bad");
    let mut w = Writer::new();
    w.i64(number("baseOffset", 0));
    w.i32(number("length", checked.len() as i64 + 9) as i32);
    w.i32(number("leaderEpoch", -1) as i32);
    w.i8(number("magic", 2) as i8);
    w.u32(crc);
    w.buf.extend(checked);
    w.buf
}

fn unzigzag(r: &mut Reader<'_>) -> Option<i64> {
    let (mut value, mut shift) = (0u64, 0u32);
    loop {
        let byte = r.i8().ok()? as u8;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
        shift += 7;
    }
}

fn text(r: &mut Reader<'_>) -> Option<Value> {
    match unzigzag(r)? {
        -1 => Some(Value::Null),
        len => Some(String::from_utf8_lossy(r.take(usize::try_from(len).ok()?).ok()?).as_ref().into()),
    }
}

fn record(r: &mut Reader<'_>) -> Option<Value> {
    let len = usize::try_from(unzigzag(r)?).ok()?;
    let mut one = Reader::new(r.take(len).ok()?);
    one.i8().ok()?;
    let (time, offset) = (unzigzag(&mut one)?, unzigzag(&mut one)?);
    let (key, value) = (text(&mut one)?, text(&mut one)?);
    Some(json!([offset, time, key, value]))
}

fn batch(bytes: &[u8]) -> Option<Value> {
    let mut r = Reader::new(bytes);
    let base_offset = r.i64().ok()?;
    let _length = r.i32().ok()?;
    let leader_epoch = r.i32().ok()?;
    let magic = r.i8().ok()?;
    let crc = r.u32().ok()?;
    let whole = crc == crc32c::crc32c(r.rest());
    let attributes = r.i16().ok()?;
    let last = r.i32().ok()?;
    let (base_time, max_time) = (r.i64().ok()?, r.i64().ok()?);
    let (producer, epoch, sequence, count) = (r.i64().ok()?, r.i16().ok()?, r.i32().ok()?, r.i32().ok()?);
    let mut records = Vec::new();
    if attributes & 7 == 0 {
        for _ in 0..count {
            records.push(record(&mut r)?);
        }
    }
    Some(json!({
        "baseOffset": base_offset, "lastOffsetDelta": last, "leaderEpoch": leader_epoch, "magic": magic,
        "crcOk": whole, "attributes": attributes, "baseTimestamp": base_time, "maxTimestamp": max_time,
        "producerId": producer, "producerEpoch": epoch, "baseSequence": sequence, "count": count,
        "records": records,
    }))
}

/// The batches in `bytes` as JSON; what is not a whole batch appears as its length.
#[must_use]
pub fn describe(mut bytes: &[u8]) -> Value {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let len = Reader::new(bytes.get(8..).unwrap_or_default()).i32().map_or(0, |l| l.max(0) as usize + 12);
        match bytes.get(..len).filter(|b| b.len() >= HEADER) {
            Some(one) => {
                out.push(batch(one).unwrap_or_else(|| json!("unreadable batch")));
                bytes = &bytes[len..];
            }
            None => {
                out.push(json!("partial batch"));
                break;
            }
        }
    }
    Value::Array(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_batch_is_described_as_it_was_built() {
        let spec =
            json!({"records": [["k", "v"], [null, "w", 1_000_005]], "producerId": 7, "baseSequence": 3});
        let got = describe(&build(&spec));
        assert_eq!(got[0]["crcOk"], true);
        assert_eq!(got[0]["records"], json!([[0, 0, "k", "v"], [1, 5, null, "w"]]));
        assert_eq!((&got[0]["maxTimestamp"], &got[0]["producerId"]), (&json!(1_000_005), &json!(7)));
        assert_eq!(describe(&build(&json!({"records": [], "crc": "bad"})))[0]["crcOk"], false);
    }
}
