//! All routes on one page.

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware::from_fn_with_state,
    routing::{delete, get, post},
};
use mewe_protocol::{decided, error::ErrorCode};

use crate::{
    Shared, agent_api, console,
    error::{ApiError, json_response, wrong_method},
    operator_api::{self as operator, guard},
};

/// Everything that a host answers to.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let operator = Router::new()
        .route("/operator/apps", get(operator::apps::list).post(operator::apps::create))
        .route(
            "/operator/apps/{appId}",
            get(operator::apps::show).patch(operator::apps::update).delete(operator::apps::remove),
        )
        .route("/operator/apps/{appId}/redeliver", post(operator::apps::redeliver))
        .route("/operator/users", get(operator::users::list).post(operator::users::create))
        .route("/operator/threads", get(operator::threads::list).post(operator::threads::create))
        .route("/operator/threads/{threadId}/participants", post(operator::threads::add))
        .route("/operator/threads/{threadId}/participants/{userId}", delete(operator::threads::remove))
        .route("/operator/threads/{threadId}/messages", get(operator::messages::list).post(operator::messages::create))
        .route("/operator/agents", get(operator::agents::list).post(operator::agents::create))
        .route("/operator/agents/{agentId}", delete(operator::agents::remove))
        .route("/operator/agents/{agentId}/threads", post(operator::agents::join))
        .route("/operator/agents/{agentId}/threads/{threadId}", delete(operator::agents::leave))
        .route("/operator/agents/{agentId}/pause", post(operator::agents::pause))
        .route("/operator/agents/{agentId}/resume", post(operator::agents::resume))
        .route("/operator/agents/{agentId}/test-event", post(operator::agents::test_event))
        .route(
            "/operator/agents/{agentId}/trouble",
            get(operator::trouble::show).put(operator::trouble::set).delete(operator::trouble::off),
        )
        .route("/operator/trouble", get(operator::trouble::list).delete(operator::trouble::all_off))
        .route("/operator/deliveries", get(operator::deliveries::list))
        .route("/operator/deliveries/{deliveryId}", get(operator::deliveries::show))
        .route("/operator/deliveries/{deliveryId}/redeliver", post(operator::deliveries::redeliver))
        .route("/operator/calls", get(operator::calls::list))
        .route("/operator/stream", get(operator::stream))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(shared.clone(), guard::guard));
    let agent =
        Router::new().route(decided::SEND_PATH, post(agent_api::send)).route(decided::READ_PATH, get(agent_api::read));
    Router::new()
        .merge(operator)
        .merge(agent)
        .merge(console::router(&shared))
        .route("/health", get(async || json_response(StatusCode::OK, &serde_json::json!({ "status": "ok" }))))
        .method_not_allowed_fallback(wrong_method)
        .fallback(async || ApiError::new(ErrorCode::NotFound, "there is nothing at this path"))
        .with_state(shared)
}
