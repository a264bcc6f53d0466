@0xcc316e3f71a040fb;

# How calls between the node and its clients find a thread to run on. Nothing of it is part of the contract.

using G = import "/grpc.capnp";

interface Thread @0x81c1e2600d0b56c5 {
  # A thread on the other side, on which calls run one at a time.

  getName @0 () -> (
    result :Text $G.doc("Name, for logs.")
  ) $G.plumbing("threads are not part of the contract");
  # Name of the thread.
}

interface ThreadMap @0xee5e37179ad9dc9d {
  # Makes threads.

  makeThread @0 (
    name :Text $G.doc("Name, for logs.")
  ) -> (
    result :Thread $G.doc("The new thread.")
  ) $G.plumbing("threads are not part of the contract");
  # Makes a thread; it ends when its object is dropped.

  makePool @1 (
    count :UInt32 $G.doc("Number of threads.")
  ) -> () $G.plumbing("threads are not part of the contract");
  # Makes threads for calls that name none. Once per connection.
}

struct Context @0x9c44e6645d0b22c6 {
  # Where a call runs.
  thread @0 :Thread;
  # Thread on the called side that runs the call.
  callbackThread @1 :Thread;
  # Thread on the calling side for callbacks made during the call.
}
