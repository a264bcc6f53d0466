//! The wire types of every recorded method.

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::wire::{
    echo_capnp::echo, mining_capnp, node_capnp::node, rpc_capnp::rpc,
};
use capnp::{any_pointer, dynamic_value};
use mining_capnp::{block_template, mining};
use serde_json::Value;

use super::json::{fill, set_context, show};

/// How parameters are written and results are read.
pub(crate) struct Types {
    pub(crate) write: fn(any_pointer::Builder<'_>, &Value, &thread::Client),
    pub(crate) read: fn(any_pointer::Reader<'_>) -> Value,
}

macro_rules! methods {
    ($($interface:literal . $method:literal => $module:ident :: $params:ident, $results:ident;)*) => {
        /// The types of a method.
        pub(crate) fn types(interface: &str, method: &str) -> Types {
            match (interface, method) {
                $(($interface, $method) => Types {
                    write: |to, from, thread| {
                        let value: dynamic_value::Builder<'_> =
                            to.init_as::<$module::$params::Builder<'_>>().into();
                        let mut to: capnp::dynamic_struct::Builder<'_> = value.downcast();
                        fill(to.reborrow(), from);
                        set_context(to, thread);
                    },
                    read: |from| {
                        let from = from.get_as::<$module::$results::Reader<'_>>().unwrap();
                        let value: dynamic_value::Reader<'_> = from.into();
                        show(value.downcast())
                    },
                },)*
                _ => panic!("{interface}.{method} has no types here"),
            }
        }
    };
}

methods! {
    "BlockTemplate"."getBlock" => block_template::get_block_params, get_block_results;
    "BlockTemplate"."getBlockHeader" => block_template::get_block_header_params, get_block_header_results;
    "BlockTemplate"."getCoinbaseMerklePath" => block_template::get_coinbase_merkle_path_params, get_coinbase_merkle_path_results;
    "BlockTemplate"."getCoinbaseTx" => block_template::get_coinbase_tx_params, get_coinbase_tx_results;
    "BlockTemplate"."getTxFees" => block_template::get_tx_fees_params, get_tx_fees_results;
    "BlockTemplate"."getTxSigops" => block_template::get_tx_sigops_params, get_tx_sigops_results;
    "BlockTemplate"."destroy" => block_template::destroy_params, destroy_results;
    "BlockTemplate"."interruptWait" => block_template::interrupt_wait_params, interrupt_wait_results;
    "BlockTemplate"."submitSolution" => block_template::submit_solution_params, submit_solution_results;
    "BlockTemplate"."submitSolutionOld7" => block_template::submit_solution_old7_params, submit_solution_old7_results;
    "BlockTemplate"."waitNext" => block_template::wait_next_params, wait_next_results;
    "Echo"."destroy" => echo::destroy_params, destroy_results;
    "Echo"."echo" => echo::echo_params, echo_results;
    "Mining"."checkBlock" => mining::check_block_params, check_block_results;
    "Mining"."createNewBlock" => mining::create_new_block_params, create_new_block_results;
    "Mining"."getTip" => mining::get_tip_params, get_tip_results;
    "Mining"."getTransactionsByTxID" => mining::get_transactions_by_tx_i_d_params, get_transactions_by_tx_i_d_results;
    "Mining"."getTransactionsByWitnessID" => mining::get_transactions_by_witness_i_d_params, get_transactions_by_witness_i_d_results;
    "Mining"."interrupt" => mining::interrupt_params, interrupt_results;
    "Mining"."isInitialBlockDownload" => mining::is_initial_block_download_params, is_initial_block_download_results;
    "Mining"."submitBlock" => mining::submit_block_params, submit_block_results;
    "Mining"."waitTipChanged" => mining::wait_tip_changed_params, wait_tip_changed_results;
    "Node"."ban" => node::ban_params, ban_results;
    "Node"."broadcastTransaction" => node::broadcast_transaction_params, broadcast_transaction_results;
    "Node"."customWalletLoader" => node::custom_wallet_loader_params, custom_wallet_loader_results;
    "Node"."disconnectByAddress" => node::disconnect_by_address_params, disconnect_by_address_results;
    "Node"."disconnectById" => node::disconnect_by_id_params, disconnect_by_id_results;
    "Node"."executeRpc" => node::execute_rpc_params, execute_rpc_results;
    "Node"."forceSetting" => node::force_setting_params, force_setting_results;
    "Node"."getBanned" => node::get_banned_params, get_banned_results;
    "Node"."getDustRelayFee" => node::get_dust_relay_fee_params, get_dust_relay_fee_results;
    "Node"."getExitStatus" => node::get_exit_status_params, get_exit_status_results;
    "Node"."getHeaderTip" => node::get_header_tip_params, get_header_tip_results;
    "Node"."getLastBlockTime" => node::get_last_block_time_params, get_last_block_time_results;
    "Node"."getLogCategories" => node::get_log_categories_params, get_log_categories_results;
    "Node"."getMempoolDynamicUsage" => node::get_mempool_dynamic_usage_params, get_mempool_dynamic_usage_results;
    "Node"."getMempoolSize" => node::get_mempool_size_params, get_mempool_size_results;
    "Node"."getNetworkActive" => node::get_network_active_params, get_network_active_results;
    "Node"."getNodeCount" => node::get_node_count_params, get_node_count_results;
    "Node"."getNodesStats" => node::get_nodes_stats_params, get_nodes_stats_results;
    "Node"."getNumBlocks" => node::get_num_blocks_params, get_num_blocks_results;
    "Node"."getPersistentSetting" => node::get_persistent_setting_params, get_persistent_setting_results;
    "Node"."getProxy" => node::get_proxy_params, get_proxy_results;
    "Node"."getTotalBytesRecv" => node::get_total_bytes_recv_params, get_total_bytes_recv_results;
    "Node"."getUnspentOutput" => node::get_unspent_output_params, get_unspent_output_results;
    "Node"."getWarnings" => node::get_warnings_params, get_warnings_results;
    "Node"."initParameterInteraction" => node::init_parameter_interaction_params, init_parameter_interaction_results;
    "Node"."isInitialBlockDownload" => node::is_initial_block_download_params, is_initial_block_download_results;
    "Node"."isLoadingBlocks" => node::is_loading_blocks_params, is_loading_blocks_results;
    "Node"."isSettingIgnored" => node::is_setting_ignored_params, is_setting_ignored_results;
    "Node"."listExternalSigners" => node::list_external_signers_params, list_external_signers_results;
    "Node"."listRpcCommands" => node::list_rpc_commands_params, list_rpc_commands_results;
    "Node"."mapPort" => node::map_port_params, map_port_results;
    "Node"."resetSettings" => node::reset_settings_params, reset_settings_results;
    "Node"."setNetworkActive" => node::set_network_active_params, set_network_active_results;
    "Node"."shutdownRequested" => node::shutdown_requested_params, shutdown_requested_results;
    "Node"."unban" => node::unban_params, unban_results;
    "Node"."updateRwSetting" => node::update_rw_setting_params, update_rw_setting_results;
    "Rpc"."executeRpc" => rpc::execute_rpc_params, execute_rpc_results;
}
