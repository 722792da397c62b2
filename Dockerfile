# The image of Palisade: one binary, no shell, not root.
# The configuration is mounted at /etc/palisade; `src/manual/operations.md` says what it must set. CI does not build it yet.
FROM rust:1.95-slim-bookworm AS build
# What merges the counts of the run that the second build is optimised by: a fifth of the time per request.
RUN rustup component add llvm-tools && apt-get update && apt-get install -y --no-install-recommends python3
WORKDIR /src
COPY . .
RUN tests/bench/run --train-only /src/palisade

# Debian 12's C library, as in the stage above, and nothing that could be run but Palisade.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/palisade /usr/local/bin/palisade
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/local/bin/palisade", "healthcheck", "--config", "/etc/palisade/palisade.yaml"]
ENTRYPOINT ["/usr/local/bin/palisade"]
CMD ["run", "--config", "/etc/palisade/palisade.yaml"]
