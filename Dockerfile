# The program alone, in an image without a compiler; runs as a user without rights.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --package lightsout-collector --bin lightsout

FROM debian:bookworm-slim
COPY --from=build /src/target/dist/lightsout /usr/local/bin/lightsout
USER nobody
EXPOSE 9808
ENTRYPOINT ["lightsout"]
