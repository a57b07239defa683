//! A cluster: which server has which key.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;

use super::failure::Failure;
use super::node::{Node, text};
use crate::url::Host;

const SLOTS: u16 = 16_384;

/// The map is asked for at most this often.
const BETWEEN_REFRESHES: Duration = Duration::from_millis(50);

/// How long one server may take to tell the map.
const TELLING: Duration = Duration::from_millis(500);

type MakeNode = Box<dyn Fn(Host) -> Node + Send + Sync>;

/// The servers of a cluster.
pub(super) struct Cluster {
    seeds: Vec<Host>,
    make: MakeNode,
    map: RwLock<Arc<Map>>,
    refreshed: tokio::sync::Mutex<Option<(Instant, Result<(), Failure>)>>,
}

/// Who has what. Old ones stay whole for those who read them.
#[derive(Default)]
struct Map {
    nodes: HashMap<Host, Arc<Node>>,
    /// By first slot: first, last, master.
    ranges: Vec<(u16, u16, Arc<Node>)>,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Host>, make: MakeNode) -> Self {
        Self { seeds, make, map: RwLock::default(), refreshed: tokio::sync::Mutex::new(None) }
    }

    /// The master of `key`, as far as is known.
    pub(super) async fn node(&self, key: &str, deadline: Instant) -> Result<Arc<Node>, Failure> {
        let slot = slot_of(key.as_bytes());
        if let Some(node) = self.map().master(slot) {
            return Ok(node);
        }
        self.refresh(deadline).await?;
        self.map().master(slot).ok_or_else(|| Failure::later(self.shown(), "nobody serves this key's slot"))
    }

    /// The master of `key`, if it is known.
    pub(super) fn known(&self, key: &str) -> Option<Arc<Node>> {
        self.map().master(slot_of(key.as_bytes()))
    }

    /// The servers that keep keys of this beginning, each with an ending that makes such a key one of its own.
    pub(super) fn places(&self, beginning: &str) -> Vec<(Arc<Node>, String)> {
        let map = self.map();
        let mut places: Vec<(Arc<Node>, String)> = Vec::new();
        let masters = self.masters().len();
        // With braces in the beginning all keys are in one slot.
        for number in 0..u32::from(SLOTS) {
            let ending = format!("{{{number}}}");
            let Some(node) = map.master(slot_of(format!("{beginning}{ending}").as_bytes())) else { continue };
            if !places.iter().any(|(known, _)| known.host() == node.host()) {
                places.push((node, ending));
            }
            if places.len() == masters {
                break;
            }
        }
        places
    }

    /// The server at `host`, which another server named.
    pub(super) fn at(&self, host: &Host) -> Arc<Node> {
        let map = self.map();
        match map.nodes.get(host) {
            Some(node) => Arc::clone(node),
            None => {
                let node = Arc::new((self.make)(host.clone()));
                let mut nodes = map.nodes.clone();
                nodes.insert(host.clone(), Arc::clone(&node));
                self.put(Map { nodes, ranges: map.ranges.clone() });
                node
            }
        }
    }

    /// Asks who has what, unless somebody just did.
    pub(super) async fn refresh(&self, deadline: Instant) -> Result<(), Failure> {
        let mut refreshed = self.refreshed.lock().await;
        if let Some((at, outcome)) = &*refreshed
            && at.elapsed() < BETWEEN_REFRESHES
        {
            return outcome.clone();
        }
        let outcome = self.ask_all(deadline).await;
        *refreshed = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn ask_all(&self, deadline: Instant) -> Result<(), Failure> {
        let map = self.map();
        let mut asked: Vec<_> = map.nodes.values().cloned().collect();
        asked.extend(self.seeds.iter().filter(|s| !map.nodes.contains_key(*s)).map(|s| self.at(s)));
        let mut last = None;
        for node in asked {
            if Instant::now() >= deadline {
                break;
            }
            let limit = deadline.min(Instant::now() + TELLING);
            match node.ask(&["CLUSTER", "SLOTS"], limit).await {
                Ok(answer) => match self.read(&answer, node.host()) {
                    Some(map) => {
                        self.put(map);
                        return Ok(());
                    }
                    None => last = Some(Failure::later(node.host(), "it is in no working cluster")),
                },
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::later(self.shown(), "nobody tells who has which key")))
    }

    /// The masters that are known.
    pub(super) fn masters(&self) -> Vec<Arc<Node>> {
        let mut found: Vec<Arc<Node>> = Vec::new();
        for (.., node) in &self.map().ranges {
            if !found.iter().any(|n| n.host() == node.host()) {
                found.push(Arc::clone(node));
            }
        }
        found
    }

    /// Reads `CLUSTER SLOTS`: first, last, master (address, port, id), replicas…
    fn read(&self, answer: &Value, teller: &Host) -> Option<Map> {
        let Value::Array(rows) = answer else { return None };
        let known = self.map();
        let mut map = Map::default();
        let mut node_at = |value: &Value| {
            let Value::Array(parts) = value else { return None };
            let name = match parts.first().and_then(text) {
                // A server that does not know its own address is where we asked.
                None | Some("" | "?") => teller.name.clone(),
                Some(name) => name.to_owned(),
            };
            let Some(Value::Int(port)) = parts.get(1) else { return None };
            let host = Host { name, port: u16::try_from(*port).ok()? };
            let node = map.nodes.entry(host.clone()).or_insert_with(|| match known.nodes.get(&host) {
                Some(node) => Arc::clone(node),
                None => Arc::new((self.make)(host)),
            });
            Some(Arc::clone(node))
        };
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let Value::Array(parts) = row else { return None };
            let [Value::Int(first), Value::Int(last), master, replicas @ ..] = parts.as_slice() else { return None };
            let range = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, node_at(master)?);
            for replica in replicas {
                node_at(replica)?;
            }
            ranges.push(range);
        }
        ranges.sort_unstable_by_key(|(first, ..)| *first);
        map.ranges = ranges;
        (!map.ranges.is_empty()).then_some(map)
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, map: Map) {
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
    }

    fn shown(&self) -> String {
        self.seeds.iter().map(Host::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Map {
    fn master(&self, slot: u16) -> Option<Arc<Node>> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then(|| Arc::clone(node))
    }
}

/// The slot of a key: of what stands between the first braces if there is something, else of all of it.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|b| *b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        rest.iter().position(|b| *b == b'}').filter(|len| *len > 0).map(|len| &rest[..len])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the cluster specification, and of `CLUSTER KEYSLOT`.
    #[test]
    fn keys_have_the_servers_slots() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
    }
}
