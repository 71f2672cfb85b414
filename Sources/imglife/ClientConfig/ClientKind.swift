/// A program that pulls images and can be told to use a mirror.
enum ClientKind: String, CaseIterable, Sendable {
    case containerd
    case docker
    case podman
    case k3s
    case buildkit
}
