# syntax=docker/dockerfile:1
# pushsync alone, static, in an empty image: docker build -t pushsync .
#
#     docker run --rm -v "$PWD:/work" -w /work --user "$(id -u):$(id -g)" pushsync validate

FROM docker.io/library/rust:1.95.0-alpine3.23 AS build
WORKDIR /source
COPY . .
# On Alpine the host is a musl target, whose programs are static. The target is named, so that a build on another host
# fails here.
RUN target="$(uname -m)-unknown-linux-musl" \
    && cargo build --profile dist --locked --bin pushsync --target "$target" \
    && cp "target/$target/dist/pushsync" /pushsync

FROM scratch
# The certificates of the public authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /pushsync /pushsync
COPY LICENSE-APACHE LICENSE-MIT /licenses/
# A user without rights. It is a number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/pushsync"]
