# The runtime as one static binary, in an image that has nothing else.
#
#   docker build -t statefun .
#   docker run -p 127.0.0.1:8080:8080 -v statefun:/var/lib/statefun -v ./modules:/opt/statefun/modules:ro statefun --insecure
#
# As in StateFun's image, the modules of an application are in
# /opt/statefun/modules/<name>/module.yaml. It listens on all addresses of the
# container, so it starts only with --token-file, with --tls-cert and --tls-key, or with
# --insecure where the network is trusted.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/usr/local/bin/statefun ./cmd/statefun && \
    mkdir -p /out/var/lib/statefun /out/opt/statefun/modules /out/tmp /out/etc/ssl/certs && \
    cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ && \
    chown 65532:65532 /out/var/lib/statefun /out/tmp

FROM scratch
COPY --from=build /out/ /
ENV PATH=/usr/local/bin
USER 65532:65532
WORKDIR /var/lib/statefun
VOLUME /var/lib/statefun
# HTTP, and the playground's ingress and egress, if a module has them on these ports.
EXPOSE 8080 8090 8091
# SIGTERM, which docker stop sends, drains.
STOPSIGNAL SIGTERM
ENTRYPOINT ["statefun", "run", "--bind", "0.0.0.0", "--data", "/var/lib/statefun"]
