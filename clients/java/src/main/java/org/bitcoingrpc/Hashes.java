package org.bitcoingrpc;

import com.google.protobuf.ByteString;
import java.util.HexFormat;

/** Hashes are 32 bytes in internal byte order in every message; people are shown the reverse. */
public final class Hashes {
    /** Length of a hash in bytes. */
    public static final int SIZE = 32;

    private Hashes() {}

    /** Gives a hash as explorers and bitcoin-cli show it. */
    public static String display(ByteString hash) {
        return HexFormat.of().formatHex(reversed(hash.toByteArray()));
    }

    /**
     * Gives the bytes, in internal order, of a hash that is written as explorers show it.
     *
     * @throws IllegalArgumentException unless it is 64 hexadecimal digits
     */
    public static ByteString internal(String display) {
        byte[] hash = HexFormat.of().parseHex(display);
        if (hash.length != SIZE) {
            throw new IllegalArgumentException("a hash has " + SIZE + " bytes, not " + hash.length);
        }
        return ByteString.copyFrom(reversed(hash));
    }

    private static byte[] reversed(byte[] bytes) {
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            reversed[i] = bytes[bytes.length - 1 - i];
        }
        return reversed;
    }
}
