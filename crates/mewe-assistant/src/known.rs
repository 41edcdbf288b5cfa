//! The threads in which the agent sits, as its owner knows them.
//!
//! Reading them reads names and people of all threads, so nothing can be said in a shared thread afterwards. In return,
//! somebody whose name was learned in one thread is known by it in all: the wire names people only now and then.

use std::collections::HashMap;

use mewe_agent::{Ctx, Person, Result, ThreadId, UserId};

use crate::{names, nearest::nearest, words};

/// A thread, and what the owner calls it.
#[derive(Debug, Clone)]
pub(crate) struct KnownThread {
    pub(crate) id: ThreadId,
    pub(crate) number: u32,
    pub(crate) name: Option<String>,
    pub(crate) people: Vec<Person>,
}

/// All of them by number, without the personal one, and the names of all who are known there.
#[derive(Debug, Clone)]
pub(crate) struct KnownThreads {
    threads: Vec<KnownThread>,
    names: HashMap<UserId, String>,
}

impl KnownThreads {
    /// Reads them all.
    pub(crate) async fn read(ctx: &Ctx) -> Result<Self> {
        let personal = ctx.agent().personal_thread;
        let mut threads = Vec::new();
        for thread in ctx.threads().await?.into_iter().filter(|thread| Some(thread.id) != personal) {
            let name = names::of(ctx, thread.id).await?;
            threads.push(KnownThread { id: thread.id, number: thread.number, name, people: thread.people });
        }
        Ok(Self::of(threads))
    }

    fn of(mut threads: Vec<KnownThread>) -> Self {
        let people = threads.iter().flat_map(|thread| &thread.people);
        let names: HashMap<_, _> = people.filter_map(|person| Some((person.id, person.name.clone()?))).collect();
        for person in threads.iter_mut().flat_map(|thread| &mut thread.people) {
            name(&names, person);
        }
        Self { threads, names }
    }

    /// Names somebody who has no name where they were met.
    pub(crate) fn name(&self, person: &mut Person) {
        name(&self.names, person);
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, KnownThread> {
        self.threads.iter()
    }

    /// The one with this id.
    pub(crate) fn get(&self, id: ThreadId) -> Option<&KnownThread> {
        self.iter().find(|thread| thread.id == id)
    }

    /// The one that is called so: by its number, its id or its name. No name looks like a number or an id.
    pub(crate) fn find(&self, which: &str) -> Option<&KnownThread> {
        let number = which.trim_start_matches('#').parse();
        let id = which.parse();
        let named = |thread: &&KnownThread| thread.name.as_deref().is_some_and(|name| names::same(name, which));
        let thread = self.iter().find(|thread| number == Ok(thread.number) || id == Ok(thread.id));
        thread.or_else(|| self.iter().find(named))
    }

    /// The name that was perhaps meant.
    pub(crate) fn nearest(&self, which: &str) -> Option<&str> {
        nearest(which, self.iter().filter_map(|thread| thread.name.as_deref()))
    }

    /// What to call the thread with this id.
    pub(crate) fn label(&self, id: ThreadId) -> String {
        self.get(id).map_or_else(|| words::SOME_THREAD.to_owned(), KnownThread::label)
    }
}

fn name(names: &HashMap<UserId, String>, person: &mut Person) {
    if person.name.is_none() {
        person.name = names.get(&person.id).cloned();
    }
}

impl KnownThread {
    /// What to call it: by the owner's name for it, else by its number and the people known there.
    pub(crate) fn label(&self) -> String {
        words::label(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A thread of these people.
    pub(crate) fn thread(number: u32, name: Option<&str>, people: &[&str]) -> KnownThread {
        let number_of = |n: usize| u8::try_from(n).unwrap();
        let person = |(n, name): (usize, &&str)| Person {
            id: mewe_agent::UserId::from_bytes([number_of(n); 12]),
            name: Some((*name).to_owned()),
            is_agent: *name == "Thor",
        };
        KnownThread {
            id: ThreadId::from_bytes([u8::try_from(number).unwrap(); 12]),
            number,
            name: name.map(str::to_owned),
            people: people.iter().enumerate().map(person).collect(),
        }
    }

    #[test]
    fn a_thread_is_found_by_number_id_and_name() {
        let known =
            KnownThreads::of(vec![thread(1, Some("Work"), &[]), thread(2, None, &[]), thread(3, Some("Family"), &[])]);
        let found = |which: &str| known.find(which).map(|thread| thread.number);
        assert_eq!(found("2"), Some(2));
        assert_eq!(found("#2"), Some(2));
        assert_eq!(found("FAMILY"), Some(3));
        assert_eq!(found("010101010101010101010101"), Some(1));
        assert_eq!(found("0"), None);
        assert_eq!(found("Wrok"), None);
        assert_eq!(known.nearest("Wrok"), Some("Work"));
        assert_eq!(known.label(ThreadId::from_bytes([9; 12])), "a thread");
    }
}
