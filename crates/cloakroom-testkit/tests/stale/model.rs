//! What is true, and whether every node says so.

use std::time::{Duration, Instant};

use crate::node::Node;

/// Sessions at once.
const SLOTS: usize = 6;

const VERBS: [&str; 3] = ["add", "change", "delete"];

/// How late a node may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) bound: Duration,
}

struct Person {
    id: String,
    password: u32,
    active: bool,
    member: bool,
    may: [bool; 3],
}

/// A session, as it was when somebody signed in.
#[derive(Clone)]
struct Slot {
    key: String,
    person: usize,
    password: u32,
    n: i64,
}

pub(crate) struct Model {
    people: Vec<Person>,
    group_may: [bool; 3],
    slots: Vec<Option<Slot>>,
    passwords: u32,
    rule: Rule,
    chance: u64,
    pub(crate) reads: usize,
    pub(crate) signed_in: usize,
}

impl Model {
    pub(crate) fn new(ids: Vec<String>, rule: Rule) -> Self {
        let person = |id| Person { id, password: 0, active: true, member: false, may: [false; 3] };
        let seed = std::env::var("CLOAKROOM_STALE_SEED").map_or(0x9e37_79b9_7f4a_7c15, |seed| seed.parse().unwrap());
        Self {
            people: ids.into_iter().map(person).collect(),
            group_may: [false; 3],
            slots: vec![None; SLOTS],
            passwords: 0,
            rule,
            chance: seed,
            reads: 0,
            signed_in: 0,
        }
    }

    /// xorshift*: the same steps in each run.
    fn draw(&mut self, below: usize) -> usize {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        (self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    /// One operation on one node, then a look at what it touched, and at one session more, on every node.
    pub(crate) async fn step(&mut self, step: usize, nodes: &mut [Box<dyn Node>]) {
        let (actor, slot, who, verb) =
            (self.draw(nodes.len()), self.draw(SLOTS), self.draw(self.people.len()), self.draw(3));
        let id = self.people[who].id.clone();
        let perm = format!("auth.{}_user", VERBS[verb]);
        let line = self.operation(slot, who, verb, &id, &perm, step);
        let answer = nodes[actor].tell(&line).await;
        let acknowledged = Instant::now();
        if line.starts_with("login") {
            self.slots[slot] = Some(Slot { key: answer, person: who, password: self.people[who].password, n: 0 });
        }
        let of_person = (0..SLOTS).find(|n| self.slots[*n].as_ref().is_some_and(|slot| slot.person == who));
        let mut looked_at = vec![slot, self.draw(SLOTS)];
        looked_at.extend(of_person);
        for slot in looked_at {
            let Some(seen) = self.slots[slot].clone() else { continue };
            let expected = self.expected(&seen);
            for (n, node) in nodes.iter_mut().enumerate() {
                let read = format!("read {}", seen.key);
                loop {
                    let began = Instant::now();
                    let answer = node.tell(&read).await;
                    self.reads += 1;
                    if answer == expected {
                        break;
                    }
                    let late = began.duration_since(acknowledged);
                    assert!(
                        late < self.rule.bound,
                        "step {step}, {late:?} after node {actor} did {line:?}: node {n} says {answer:?}, {expected:?} is true"
                    );
                }
            }
            if expected != "nobody" {
                self.signed_in += nodes.len();
            } else if self.people[seen.person].active {
                // Whoever looked at a session that does not fit the password has ended it.
                self.slots[slot] = None;
            }
        }
    }

    /// Draws what to do, notes what is true from then on, and says it in a line.
    fn operation(&mut self, slot: usize, who: usize, verb: usize, id: &str, perm: &str, step: usize) -> String {
        match self.draw(16) {
            0..=3 => format!("login {id}"),
            4 => self.ends(slot, "logout").unwrap_or_else(|| format!("login {id}")),
            5 => self.ends(slot, "end").unwrap_or_else(|| format!("login {id}")),
            6..=8 => match &mut self.slots[slot] {
                Some(seen) => {
                    seen.n = step as i64 + 1;
                    format!("edit {} {}", seen.key, seen.n)
                }
                None => format!("login {id}"),
            },
            9 => {
                self.passwords += 1;
                self.people[who].password = self.passwords;
                format!("password {id} !{}", self.passwords)
            }
            10 => {
                let active = !self.people[who].active;
                self.people[who].active = active;
                format!("active {id} {}", u8::from(active))
            }
            11 | 12 => {
                let may = !self.people[who].may[verb];
                self.people[who].may[verb] = may;
                format!("{} {id} {perm}", if may { "grant" } else { "revoke" })
            }
            13 => {
                let member = !self.people[who].member;
                self.people[who].member = member;
                format!("{} {id}", if member { "join" } else { "leave" })
            }
            _ => {
                let may = !self.group_may[verb];
                self.group_may[verb] = may;
                format!("{} {perm}", if may { "allow" } else { "forbid" })
            }
        }
    }

    fn ends(&mut self, slot: usize, word: &str) -> Option<String> {
        let seen = self.slots[slot].as_ref()?;
        let line = format!("{word} {}", seen.key);
        // It is looked at once more: it has to be nobody's. A password that is nobody's makes it so.
        self.slots[slot] = Some(Slot { password: u32::MAX, ..seen.clone() });
        Some(line)
    }

    fn expected(&self, slot: &Slot) -> String {
        let person = &self.people[slot.person];
        if !person.active || slot.password != person.password {
            return "nobody".to_owned();
        }
        let may = |verb: usize| person.may[verb] || (person.member && self.group_may[verb]);
        let may: String = (0..3).map(|verb| if may(verb) { '1' } else { '0' }).collect();
        format!("{} {may} {}", person.id, slot.n)
    }
}
