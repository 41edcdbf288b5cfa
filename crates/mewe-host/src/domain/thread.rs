//! Threads: who may come, who may go, who may speak (docs/wire.md, D14).
//!
//! A personal thread holds exactly its owner and their agent. Into a further thread an owner brings their agent only where they
//! take part themselves, and takes it along when they leave.

use mewe_protocol::{AgentId, AppId, ThreadId, UserId, error::ErrorCode};

use super::Refused;

/// A thread, as far as the rules look at it: what it is, and the agents in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) id: ThreadId,
    /// Whether it is the thread of an owner and their agent.
    pub(crate) personal: bool,
    /// The agents in it, in the order in which they came.
    pub(crate) seats: Vec<Seat>,
}

/// An agent in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) agent: AgentId,
    pub(crate) app: AppId,
    pub(crate) owner: UserId,
    /// Whether its application may hear what happens in threads.
    pub(crate) hears: bool,
}

/// How somebody stands to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_agent: bool,
    pub(crate) is_in: bool,
}

impl Thread {
    /// A person comes.
    pub(crate) fn may_join(&self, who: Standing) -> Result<(), Refused> {
        if self.personal {
            return Err(third());
        }
        if who.is_agent {
            return Err(Refused::conflict(
                "userId: this is an agent; its owner adds it with POST /operator/agents/{agentId}/threads",
            ));
        }
        if who.is_in {
            return Err(Refused::conflict("userId: this user is in the thread already"));
        }
        Ok(())
    }

    /// A person goes.
    pub(crate) fn may_leave(&self, who: Standing) -> Result<(), Refused> {
        if self.personal {
            return Err(Refused::conflict(
                "nobody leaves a personal thread; DELETE /operator/agents/{agentId} unregisters the agent",
            ));
        }
        if who.is_agent {
            return Err(Refused::conflict(
                "userId: this is an agent; its owner removes it with DELETE /operator/agents/{agentId}/threads/{threadId}",
            ));
        }
        if !who.is_in {
            return Err(Refused::not_found("userId: this user is not in the thread"));
        }
        Ok(())
    }

    /// An owner adds their agent.
    pub(crate) fn may_seat(&self, agent_is_in: bool, owner_is_in: bool) -> Result<(), Refused> {
        if agent_is_in {
            return Err(Refused::conflict("threadId: the agent is in the thread already"));
        }
        if self.personal {
            return Err(third());
        }
        if !owner_is_in {
            return Err(Refused::conflict(
                "threadId: the agent's owner is not in the thread, and an agent goes only where its owner takes part",
            ));
        }
        Ok(())
    }

    /// An owner removes their agent.
    pub(crate) fn may_unseat(&self, agent_is_in: bool) -> Result<(), Refused> {
        if !agent_is_in {
            return Err(Refused::not_found("threadId: the agent is not in the thread"));
        }
        if self.personal {
            return Err(Refused::conflict(
                "threadId: an agent leaves its personal thread by being unregistered: DELETE /operator/agents/{agentId}",
            ));
        }
        Ok(())
    }

    /// The agents that leave when `owner` does.
    pub(crate) fn leave_with(&self, owner: UserId) -> Vec<AgentId> {
        self.seats.iter().filter(|seat| seat.owner == owner).map(|seat| seat.agent).collect()
    }
}

/// Whether somebody may speak or read in a thread.
pub(crate) fn must_be_in(is_in: bool) -> Result<(), Refused> {
    if is_in { Ok(()) } else { Err(Refused::new(ErrorCode::NotInThread, "not in this thread")) }
}

fn third() -> Refused {
    Refused::conflict("a personal thread holds its owner and their agent, and nobody else")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: Standing = Standing { is_agent: false, is_in: false };
    const AGENT: Standing = Standing { is_agent: true, is_in: false };

    fn thread(personal: bool) -> Thread {
        Thread { id: ThreadId::from_bytes([1; 12]), personal, seats: Vec::new() }
    }

    fn code<T: std::fmt::Debug>(result: Result<T, Refused>) -> &'static str {
        result.unwrap_err().code.as_str()
    }

    #[test]
    fn a_personal_thread_takes_nobody_and_lets_nobody_go() {
        let personal = thread(true);
        assert_eq!(code(personal.may_join(PERSON)), "conflict");
        assert_eq!(code(personal.may_leave(Standing { is_in: true, ..PERSON })), "conflict");
        assert_eq!(code(personal.may_seat(false, true)), "conflict");
        assert_eq!(code(personal.may_unseat(true)), "conflict");
    }

    #[test]
    fn an_agent_comes_and_goes_by_its_owner_alone() {
        let family = thread(false);
        assert_eq!(code(family.may_join(AGENT)), "conflict");
        assert_eq!(code(family.may_leave(Standing { is_in: true, ..AGENT })), "conflict");
        assert_eq!(code(family.may_seat(false, false)), "conflict");
        assert_eq!(code(family.may_seat(true, true)), "conflict");
        assert_eq!(code(family.may_unseat(false)), "not_found");
        assert_eq!((family.may_seat(false, true), family.may_unseat(true)), (Ok(()), Ok(())));
    }

    #[test]
    fn who_is_in_cannot_come_and_who_is_not_cannot_go() {
        let family = thread(false);
        assert_eq!(code(family.may_join(Standing { is_in: true, ..PERSON })), "conflict");
        assert_eq!(code(family.may_leave(PERSON)), "not_found");
        assert_eq!(family.may_join(PERSON), Ok(()));
    }

    #[test]
    fn an_owner_takes_their_own_agents_along() {
        let [petur, sigrun] = [[7; 12], [8; 12]].map(UserId::from_bytes);
        let seat = |agent, owner| Seat {
            agent: AgentId::from_bytes([agent; 12]),
            app: AppId::from_bytes([9; 12]),
            owner,
            hears: true,
        };
        let family = Thread { seats: vec![seat(1, petur), seat(2, sigrun), seat(3, petur)], ..thread(false) };
        assert_eq!(family.leave_with(petur), [1, 3].map(|n| AgentId::from_bytes([n; 12])));
    }
}
