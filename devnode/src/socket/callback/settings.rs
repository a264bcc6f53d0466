//! The client's say in a new value of a setting: `SettingsUpdateCallback`.

use bitcoin_grpc_contract::Inner;
use bitcoin_grpc_contract::wire::chain_capnp::settings_update_callback as wire;

use super::{Callback, Caller, Trouble};
use crate::settings::{Json, SettingsAction};

/// What a client makes of a setting.
pub(in crate::socket) struct Decision {
    /// The new value.
    pub(in crate::socket) value: Json,
    /// What to do with the settings file; none if the client declined, which keeps the value all the same.
    pub(in crate::socket) action: Option<SettingsAction>,
}

impl Callback {
    /// Asks for the new value, given the present one.
    pub(in crate::socket) async fn new_value(
        &self,
        caller: &Caller,
        present: &Json,
    ) -> Result<Decision, Trouble> {
        let params: super::Params<'_> = &|to, context| {
            let mut params = to.init_as::<wire::call_params::Builder<'_>>();
            context(params.reborrow().init_context());
            params.set_value(present.as_str());
            Ok(())
        };
        let method = Inner::SettingsUpdateCallbackCall;
        self.call(caller, method, params, |results| {
            let results: wire::call_results::Reader<'_> = results.get_as()?;
            let action =
                results.get_has_result().then(|| SettingsAction::from_number(results.get_result()));
            Ok(Decision { value: Json::parse(results.get_value()?.to_str()?), action })
        })
        .await
    }
}
