#!/usr/bin/env python3
"""A client that is not ours, on the Cap'n Proto side: pycapnp with the schema directory.

    python tests/pycapnp/client.py SOCKET

SOCKET is a node of the newest generation that mines a block now and then, such as
`bitcoin-grpc devnode --profile pr10102-2026-07 --interval 500ms --socket SOCKET`. What the node says
is held against what a chain of blocks must be, worked out here from the blocks' bytes. Ends with
status 1 at the first thing that does not hold. Needs pycapnp.
"""

import asyncio
import hashlib
import sys
from pathlib import Path

import capnp

SCHEMA = Path(__file__).resolve().parents[2] / "schema"
GENESIS = bytes.fromhex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")[::-1]
# Longer than any step takes on a busy machine.
LIMIT_S = 60
# Blocks that are read, and that are waited for.
READ, HEARD = 20, 4

capnp.remove_import_hook()


def load(name):
    return capnp.load(str(SCHEMA / name), imports=[str(SCHEMA)])


init_schema, proxy_schema, chain_schema = load("init.capnp"), load("mp/proxy.capnp"), load("chain.capnp")


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class Bytes:
    """Reads the network's encodings."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        expect(self.at + length <= len(self.data), "the data ends early")
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "little")

    def size(self):
        first = self.number(1)
        return first if first < 0xFD else self.number({0xFD: 2, 0xFE: 4, 0xFF: 8}[first])

    def txid(self):
        """Reads a transaction; its id leaves the witness out."""
        version = self.take(4)
        witness = self.data[self.at:self.at + 2] == b"\x00\x01"
        if witness:
            self.take(2)
        begin = self.at
        inputs = self.size()
        for _ in range(inputs):
            self.take(36), self.take(self.size()), self.take(4)
        for _ in range(self.size()):
            self.take(8), self.take(self.size())
        middle = self.data[begin:self.at]
        for _ in range(inputs if witness else 0):
            for _ in range(self.size()):
                self.take(self.size())
        return sha256d(version + middle + self.take(4))


class Block:
    """A block as its bytes say, with proof of work and merkle root checked."""

    def __init__(self, data):
        header = Bytes(data[:80])
        header.take(4)
        self.previous, merkle = header.take(32), header.take(32)
        self.time, bits = header.number(4), header.number(4)
        self.hash = sha256d(data[:80])
        target = (bits & 0xFFFFFF) << 8 * ((bits >> 24) - 3)
        expect(int.from_bytes(self.hash, "little") <= target, "too little work")
        rest = Bytes(data[80:])
        level = [rest.txid() for _ in range(rest.size())]
        expect(rest.at == len(rest.data), "bytes after the block")
        while len(level) > 1:
            level += level[-1:] * (len(level) % 2)
            level = [sha256d(a + b) for a, b in zip(level[::2], level[1::2])]
        expect(level == [merkle], "another merkle root")


class Thread(proxy_schema.Thread.Server):
    def __init__(self, name):
        self.name = name

    async def getName(self, _context, **_):
        return self.name


class ThreadMap(proxy_schema.ThreadMap.Server):
    """Makes the threads on which the node runs callbacks."""

    def __init__(self):
        self.names = []

    async def makeThread(self, name, _context, **_):
        self.names.append(name)
        return Thread(name)


class Notifications(chain_schema.ChainNotifications.Server):
    """Writes down what the node says, and answers at once."""

    def __init__(self):
        self.events, self.more = [], asyncio.Event()

    def say(self, *event):
        self.events.append(event)
        self.more.set()

    async def destroy(self, context, _context, **_):
        self.say("destroy")

    async def transactionAddedToMempool(self, context, tx, _context, **_):
        self.say("added", bytes(tx))

    async def transactionRemovedFromMempool(self, context, tx, reason, _context, **_):
        self.say("removed", bytes(tx), reason)

    async def blockConnected(self, context, role, block, _context, **_):
        self.say("connected", block.height, bytes(block.hash), bytes(block.prevHash), bytes(block.data))

    async def blockDisconnected(self, context, block, _context, **_):
        self.say("disconnected", block.height)

    async def updatedBlockTip(self, context, _context, **_):
        self.say("tip")

    async def chainStateFlushed(self, context, role, locator, _context, **_):
        self.say("flushed", bytes(locator))

    async def until(self, count):
        while len(self.events) < count:
            self.more.clear()
            await self.more.wait()


class Client:
    """Calls methods on one thread of the node."""

    def __init__(self, thread):
        self.thread = thread

    async def call(self, target, method, **fields):
        request = getattr(target, method + "_request")()
        request.context.thread = self.thread
        for name, value in fields.items():
            setattr(request, name, value)
        return await request.send()


async def read_chain(client, chain):
    """Reads blocks one by one; gives the height of the tip."""
    height = await client.call(chain, "getHeight")
    expect(height.hasResult and height.result >= READ, f"the height is {height.result}")
    previous = (await client.call(chain, "getBlockHash", height=0)).result
    expect(previous == GENESIS, "another genesis block")
    wanted = dict(wantHash=True, wantHeight=True, wantTime=True, wantInActiveChain=True, wantData=True)
    for at in range(1, READ + 1):
        told = (await client.call(chain, "getBlockHash", height=at)).result
        reply = await client.call(chain, "findBlock", hash=told, block=wanted)
        found, block = reply.block, Block(reply.block.data)
        expect(reply.result and found.found, f"block {at} is not found")
        expect(block.hash == told == found.hash, f"block {at} has another hash")
        expect(block.previous == previous, f"block {at} follows another block")
        expect((found.height, found.time, bool(found.inActiveChain)) == (at, block.time, True), f"facts of block {at}")
        previous = told
    reply = await client.call(chain, "findBlock", hash=b"\x07" * 32, block=wanted)
    expect(not reply.result and not reply.block.found, "a block that nobody made is found")
    expect((await client.call(chain, "haveBlockOnDisk", height=READ)).result, "a block is not on disk")
    expect(not (await client.call(chain, "haveBlockOnDisk", height=10_000_000)).result, "a block of the future is on disk")
    return height.result


async def hear_blocks(client, chain, threads):
    """Hears of new blocks, and nothing more once it has disconnected."""
    heard = Notifications()
    handler = (await client.call(chain, "handleNotifications", notifications=heard)).result
    await heard.until(2 * HEARD)
    events = heard.events[:2 * HEARD]
    expect([event[0] for event in events] == ["connected", "tip"] * HEARD, f"the order: {[event[0] for event in events]}")
    connected = events[::2]
    height = connected[0][1] - 1
    previous = (await client.call(chain, "getBlockHash", height=height)).result
    for event in connected:
        height += 1
        block = Block(event[4])
        expect(event[1:4] == (height, block.hash, block.previous), f"facts of block {height}")
        expect(block.previous == previous, f"block {height} follows another block")
        expect((await client.call(chain, "getBlockHash", height=height)).result == block.hash, f"block {height} is another")
        previous = block.hash
    expect(any("b-scheduler" in name for name in threads.names), f"the node's threads: {threads.names}")
    await client.call(handler, "disconnect")
    count = len(heard.events)
    expect(heard.events[-1] == ("destroy",), "the callback was not freed")
    tip = (await client.call(chain, "getHeight")).result
    while (await client.call(chain, "getHeight")).result < tip + 2:
        await asyncio.sleep(0.1)
    expect(len(heard.events) == count, "it spoke on")
    return height


async def refuses_no_thread(chain):
    """A call that names no thread is an error, not the end of the connection."""
    try:
        await chain.getHeight()
    except capnp.KjException as error:
        expect("no thread specified" in str(error), f"another error: {error}")
    else:
        raise AssertionError("a call without a thread was answered")


async def talk(path):
    stream = await capnp.AsyncIoStream.create_unix_connection(path=path)
    rpc = capnp.TwoPartyClient(stream)
    init = rpc.bootstrap().cast_as(init_schema.Init)
    threads = ThreadMap()
    node_threads = (await init.construct(threadMap=threads)).threadMap
    # Not as an argument: pycapnp has one of that name itself.
    request = node_threads.makeThread_request()
    request.name = "pycapnp"
    thread = (await request.send()).result
    name = (await thread.getName()).result
    expect("pycapnp" in name, f"the thread is called {name}")
    client = Client(thread)
    echo = (await client.call(init, "makeEcho")).result
    expect((await client.call(echo, "echo", echo="héllo ₿")).result == "héllo ₿", "the echo")
    chain = (await client.call(init, "makeChain")).result
    await refuses_no_thread(chain)
    height = await read_chain(client, chain)
    print(f"{READ} blocks of {height} hold together, read with pycapnp {capnp.__version__}")
    last = await hear_blocks(client, chain, threads)
    print(f"{HEARD} new blocks up to {last} were told in order, and none after disconnect")
    await client.call(chain, "destroy")


async def main(path):
    await asyncio.wait_for(talk(path), LIMIT_S)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(capnp.run(main(sys.argv[1])))
    except (AssertionError, capnp.KjException, TimeoutError, asyncio.TimeoutError) as error:
        sys.exit(f"pycapnp: {error or 'it took too long'}")
