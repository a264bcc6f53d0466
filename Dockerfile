# syntax=docker/dockerfile:1.7

# What the program is built with. Only what .dockerignore lets through is there.
FROM rust:1.91-slim-bookworm AS build
WORKDIR /src
COPY . .
# The compiler's work is kept between builds, outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin bitcoin-grpc && \
    mkdir -p /out/run/bitcoin /out/var/lib/bitcoin && \
    cp target/release/bitcoin-grpc /out/

# glibc and certificates, no shell. 65532 is this image's user nonroot; it is written as a number so
# that orchestrators can see that it is not root.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bitcoin-grpc /usr/local/bin/bitcoin-grpc
# Where volumes are mounted: a new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/run/bitcoin /run/bitcoin
COPY --from=build --chown=65532:65532 /out/var/lib/bitcoin /var/lib/bitcoin
USER 65532:65532
EXPOSE 50051
ENTRYPOINT ["/usr/local/bin/bitcoin-grpc"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/bitcoin-grpc", "health"]
