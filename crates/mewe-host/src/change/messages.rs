//! Somebody says something.

use mewe_protocol::{MessageText, ThreadId, UserId, error::ErrorCode, message::ChatMessage, request::Verified};
use mewe_runtime::kill_point;

use super::{Change, find};
use crate::{
    domain::{message, news, thread},
    error::ApiError,
    store::{self, replay},
};

/// A person says something, in a thread in which they take part.
pub(crate) fn say(
    change: &Change<'_>,
    thread: ThreadId,
    user: UserId,
    text: MessageText,
) -> Result<ChatMessage, ApiError> {
    let thread = find::thread(change.c, thread)?;
    find::person(change.c, user, "userId")?;
    thread::must_be_in(store::threads::is_in(change.c, thread.id, user)?)?;
    put(change, &thread, user, text)
}

/// An agent says something, by a request that is accepted once. What is refused consumes nothing: all of it is one
/// transaction.
pub(crate) fn send(
    change: &Change<'_>,
    request: &Verified,
    thread: ThreadId,
    text: MessageText,
    remember: bool,
) -> Result<ChatMessage, ApiError> {
    if remember {
        if replay::seconds(request.timestamp.0) <= replay::forgotten(change.c)? {
            // The clock has been ahead. What was remembered of that second is gone, and it cannot be told from a replay.
            return Err(ApiError::new(ErrorCode::Timestamp, "this second is over by the host's clock"));
        }
        if replay::is_used(change.c, request)? {
            return Err(ApiError::new(ErrorCode::Replayed, "this very request was accepted before"));
        }
    }
    let thread = find::thread(change.c, thread)?;
    let author = UserId::from(request.agent_id);
    let permissions = find::app(change.c, request.app_id)?.permissions;
    message::may_send(store::threads::is_in(change.c, thread.id, author)?, &permissions)?;
    let message = put(change, &thread, author, text)?;
    if remember {
        replay::remember(change.c, request, message.chat_message_id)?;
    }
    Ok(message)
}

fn put(change: &Change<'_>, thread: &thread::Thread, user: UserId, text: MessageText) -> Result<ChatMessage, ApiError> {
    let message = ChatMessage {
        chat_message_id: change.id()?,
        thread_id: thread.id,
        user_id: user,
        user_name: store::messages::name_of(change.c, user)?,
        message_text: text.into(),
        created_at: change.steady,
    };
    store::messages::insert(change.c, &message)?;
    store::live::message(change.c, message.chat_message_id, change.now)?;
    change.tell(news::message(thread, &message))?;
    kill_point!("host.message.before-commit");
    Ok(message)
}
