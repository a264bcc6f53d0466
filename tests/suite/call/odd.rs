//! What no server is asked, and what servers refuse: code, reason, fields and hints.

use super::world::World;

#[tokio::test]
async fn what_makes_no_call() {
    let world = World::start().await;
    let hash = "00".repeat(32);
    let (long, short) = (format!("hash={hash}00"), format!("hash={}", &hash[2..]));
    for (words, told) in [
        // names
        (&["chian"][..], "did you mean Chain?"),
        (&["chian.getheight"], "did you mean Chain?"),
        (&["chain.getheigth"], "did you mean GetHeight"),
        (&["getheight"], "did you mean Chain.GetHeight?"),
        (&["getblokhash"], "did you mean GetBlockHash"),
        (&["chain.getheight", "nonsense=1"], "has no field nonsense; it has none"),
        (&["chain.getblockhash", "heigth=1"], "did you mean height?"),
        (&["chain.findblock", "block.want_hieght=true"], "block: FoundBlockParam has no field"),
        (&["chain.getblockhash", "height.deep=1"], "height: has no fields of its own"),
        (&["chain.broadcasttransaction", "broadcast_method=MEMPOL"], "did you mean"),
        (&["chain.broadcasttransaction", "broadcast_method=77"], "takes one of"),
        // numbers
        (&["chain.getblockhash", "height=2147483648"], "height: takes a whole number of 32 bits"),
        (&["chain.getblockhash", "height=1.5"], "height: takes a whole number"),
        (&["chain.getblockhash", "height=ten"], "height: takes a whole number"),
        (&["chain.getblockhash", "height="], "height: takes a whole number"),
        (&["chain.hasblockfilterindex", "filter_type=-1"], "filter_type: takes a whole number"),
        (&["node.setnetworkactive", "active=maybe"], "active: takes true or false"),
        // bytes
        (&["chain.isrbfoptin", "tx=zz"], "tx: takes hexadecimal digits"),
        (&["chain.isrbfoptin", "tx=abc"], "tx: takes hexadecimal digits"),
        (&["chain.findblock", &long], "this has 66 characters"),
        (&["chain.findblock", &short], "this has 62 characters"),
        (&["chain.findblock", "hash=text:abc"], "hash: takes a hash"),
        (&["chain.findcoins", "outpoints=00:x"], "outpoints: takes TXID:NUMBER"),
        (&["chain.findcoins", "outpoints=00:1"], "outpoints.txid: takes a hash"),
        (&["chain.isrbfoptin", "tx=@/nowhere/tx"], "/nowhere/tx"),
        // forms
        (&["chain.getblockhash", "5"], "5: arguments are written field=value"),
        (&["chain.getblockhash", "height=1", "height=2"], "height: is given twice"),
        (&["chain.getblockhash", "{\"height\": 1"], "this is no JSON"),
        (&["chain.getblockhash", "{\"height\": [1]}"], "height: takes a whole number"),
        (
            &["chain.findcoins", "{\"outpoints\": [{\"txid\": 5}]}"],
            "outpoints[0].txid: takes a hash",
        ),
        (&["node.handlequestion", "start={}", "answer={}"], "takes only one of start and answer"),
        (&["chain.findblock", "block={want}"], "block: this is no JSON"),
        (&["chain.getheight", "-"], "this is no JSON"),
    ] {
        let (code, errors) = world.complains(words).await;
        assert_eq!(code, 2, "{words:?}: {errors}");
        assert!(errors.contains(told), "{words:?}: {told} is not in\n{errors}");
    }
}

#[tokio::test]
async fn what_the_server_refuses() {
    let world = World::with(&["--listen", "127.0.0.1:0"]).await;
    for (words, told) in [
        (
            &["chain.getblockhash", "height=-1"][..],
            &["INVALID_ARGUMENT INVALID_FIELD: ", "\n  height: ", "--help"][..],
        ),
        (&["chain.isrbfoptin", "tx=00"], &["INVALID_ARGUMENT INVALID_FIELD: ", "\n  tx: "]),
        (&["chain.getblockhash", "height=1000"], &["OUT_OF_RANGE HEIGHT_ABOVE_TIP: "]),
        (&["node.setnetworkactive"], &["PERMISSION_DENIED ACCESS_NOT_GRANTED: ", "--allow"]),
        (
            &["blocktemplate.getblock", "handle=some"],
            &["NOT_FOUND LEASE_GONE: ", "Mining.CreateNewBlock"],
        ),
        (
            &["mining.waittipchanged", "--timeout", "100ms", &tip(&world).await],
            &["DEADLINE_EXCEEDED", "--timeout"],
        ),
    ] {
        let (code, errors) = world.complains(words).await;
        assert_eq!(code, 1, "{words:?}: {errors}");
        for part in told {
            assert!(errors.contains(part), "{words:?}: {part} is not in\n{errors}");
        }
    }
}

async fn tip(world: &World) -> String {
    let hash = world.prints(&["chain.getblockhash", "height=110"]).await;
    format!("current_tip={hash}")
}
