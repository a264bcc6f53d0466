//! Settings, in `Chain`.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::Answer;
use crate::node::Node;
use crate::settings::{Json, SettingsAction};

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainRpcEnableDeprecated(q) => {
            Reply::ChainRpcEnableDeprecated(v1::ChainRpcEnableDeprecatedResponse {
                enabled: node.rpc_enable_deprecated(&q.method),
            })
        }
        Request::ChainGetSetting(q) => Reply::ChainGetSetting(v1::ChainGetSettingResponse {
            value: node.settings().get(&q.name).as_str().to_owned(),
        }),
        Request::ChainGetSettingsList(q) => {
            let values = node.settings().list(&q.name);
            Reply::ChainGetSettingsList(v1::ChainGetSettingsListResponse {
                values: values.iter().map(|value| value.as_str().to_owned()).collect(),
            })
        }
        Request::ChainGetRwSetting(q) => Reply::ChainGetRwSetting(v1::ChainGetRwSettingResponse {
            value: node.settings().rw(&q.name).as_str().to_owned(),
        }),
        _ => return None,
    }))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    let settings = node.settings_mut();
    Some(Ok(match request {
        Request::ChainOverwriteRwSetting(q) => {
            let action = Some(SettingsAction::from_number(q.action));
            let updated = settings.update_rw(&q.name, Json::parse(&q.value), action);
            Reply::ChainOverwriteRwSetting(v1::ChainOverwriteRwSettingResponse { updated })
        }
        Request::ChainDeleteRwSettings(q) => {
            let action = Some(SettingsAction::from_number(q.action));
            let updated = settings.update_rw(&q.name, Json::null(), action);
            Reply::ChainDeleteRwSettings(v1::ChainDeleteRwSettingsResponse { updated })
        }
        _ => return None,
    }))
}
