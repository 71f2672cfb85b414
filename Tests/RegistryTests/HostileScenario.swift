import NIOCore
import OCI
import Registry
import TestSupport

/// One way in which a registry, or somebody in its place, tries to get at credentials.
struct HostileScenario: Sendable, CustomStringConvertible {
    let description: String
    /// The realm that the registry names; the argument is the URL of somebody else.
    var realm: (@Sendable (_ other: String) -> String)?
    /// What the registry does with requests.
    var script: @Sendable (_ registry: ScriptedRegistry, _ other: String) -> Void = { _, _ in }
    /// What somebody else answers to everything.
    var answer: @Sendable (_ other: String) -> Reply = { _ in .json(200, #"{"token":"n0thing"}"#) }
}

extension HostileScenario {
    static let all = redirects + oddRedirects + foreignAnswers + uploads + links + realms + tokenServices + echoes

    private static func scripted(
        _ name: String,
        _ match: RequestMatch,
        _ action: @escaping @Sendable (_ other: String) -> Action
    ) -> HostileScenario {
        HostileScenario(description: name, script: { $0.script(match, action($1)) })
    }

    private static let places: [(String, RequestMatch.Path)] = [
        ("GET", .manifests), ("HEAD", .manifests), ("PUT", .manifests), ("GET", .blobs), ("HEAD", .blobs),
        ("GET", .tags), ("GET", "/referrers/"), ("POST", .uploads), ("PUT", .uploads),
    ]

    private static let redirects = [301, 302, 303, 307, 308].flatMap { status in
        places.map { method, path in
            scripted("\(status) for \(method) \(path)", RequestMatch(method, path, times: nil)) {
                .redirect(status, toOrigin: $0)
            }
        }
    }

    private static let oddRedirects = [
        "//HOST/v2/x", "http://registry@HOST/v2/x", "http:\\\\HOST/v2/x", "HTTP://HOST/v2/x", "OTHER#/v2/x",
        "http:HOST/v2/x", "http:///HOST/v2/x", "http://HOST\t/v2/x", "http://HOST%2f@registry/v2/x",
    ].flatMap { target in
        (["GET", "POST"] as [String]).map { method in
            scripted("\(method) led to \(target)", RequestMatch(method, .any, times: nil)) {
                .redirect(to: filled(target, $0))
            }
        }
    }

    /// A text with somebody else's URL, host and port in it.
    private static func filled(_ text: String, _ other: String) -> String {
        let host = other.dropFirst(7)
        return text.replacing("OTHER", with: other).replacing("HOST", with: host)
            .replacing("PORT", with: host.drop { $0 != ":" }.dropFirst())
    }

    private static let foreignAnswers: [HostileScenario] =
        [
            "Basic realm=\"x\"", "Bearer realm=\"OTHER/token\",service=\"x\"",
            "Bearer realm=\"OTHER/token\",scope=\"repository:library/app:pull,push,delete\"",
            "Bearer realm=\"/token\"", "Basic realm=\"x\", Bearer realm=\"OTHER/token\"", "Digest realm=\"x\"",
            "Bearer realm=\"http://127.0.0.1/token\"", "Negotiate",
        ].flatMap { challenge in
            [401, 403].map { status in
                HostileScenario(
                    description: "a redirect's \(status) with \(challenge)",
                    script: { $0.script(RequestMatch("GET", .any, times: nil), .redirect(toOrigin: $1)) },
                    answer: { other in
                        let field = filled(challenge, other)
                        return .error(status, "DENIED", headers: ["WWW-Authenticate": field])
                    }
                )
            }
        } + [
            HostileScenario(
                description: "a manifest whose layers have URLs elsewhere",
                script: { registry, other in
                    registry.script(
                        RequestMatch("GET", .manifests, times: nil),
                        .edit { $0 = .json(200, foreignLayers(other), headers: ["Content-Type": manifestType]) }
                    )
                }
            )
        ]

    private static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    private static func foreignLayers(_ other: String) -> String {
        let digest = "sha256:" + String(repeating: "0", count: 64)
        let config = #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":1}"#
        let type = "application/vnd.oci.image.layer.nondistributable.v1.tar"
        let layer = #"{"mediaType":"\#(type)","digest":"\#(digest)","size":1,"urls":["\#(other)/layer"]}"#
        return #"{"schemaVersion":2,"mediaType":"\#(manifestType)","config":\#(config),"layers":[\#(layer)]}"#
    }
}

extension HostileScenario {
    private static let uploads: [HostileScenario] =
        [
            scripted("an upload's place elsewhere", RequestMatch("POST", .uploads, times: nil)) {
                .uploadLocation(.origin($0))
            },
            scripted("an upload's place with a user", RequestMatch("POST", .uploads, times: nil)) {
                .uploadLocation(.origin("http://registry@\($0.dropFirst(7))"))
            },
            scripted("an upload's place elsewhere, told to a mount", RequestMatch("POST", .uploads)) {
                .uploadLocation(.origin($0))
            },
            HostileScenario(
                description: "an upload's chunks going elsewhere",
                script: { registry, other in
                    registry.script(RequestMatch("PATCH", .uploads, times: nil), .uploadLocation(.origin(other)))
                    registry.script(RequestMatch(nil, .uploads, times: nil), .largestRequest(bytes: 1 << 20))
                }
            ),
            HostileScenario(
                description: "an upload's status elsewhere",
                script: { registry, other in
                    registry.script(RequestMatch("GET", .uploads, times: nil), .uploadLocation(.origin(other)))
                    registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 1 << 20))
                }
            ),
        ]
        + [
            "//HOST/v2/x", "http:\\\\HOST/x", "HTTP://HOST/x", "http://HOST#/x", "OTHER/v2/x?digest=a", "?to=OTHER",
        ].map { place in
            scripted("an upload's place at \(place)", RequestMatch("POST", .uploads, times: nil)) {
                .header("Location", filled(place, $0))
            }
        }

    private static let links = [
        "<OTHER/v2/library/app/tags/list>; rel=\"next\"", "OTHER/v2/library/app/tags/list; rel=\"next\"",
        "<//HOST/v2/library/app/tags/list>; rel=next", "<http://x@HOST/v2/library/app/tags/list>; rel=next",
        "<OTHER/v2/library/app/tags/list?last=a>; rel=next", "<HTTP://HOST/v2/>; rel=\"next\"",
        "<http:\\\\HOST/v2/>; rel=\"next\"", "<?next=OTHER>; rel=\"next\"",
    ].flatMap { link in
        [RequestMatch.Path.tags, "/referrers/"].map { path in
            scripted("\(link) for \(path)", RequestMatch("GET", path, times: nil)) { other in
                .header("Link", filled(link, other))
            }
        }
    }

    private static let realms = [
        "OTHER/token", "OTHER/token?service=y#z", "http://ci@HOST/token", "HTTP://HOST/token", "//HOST/token", "/token",
        "http://2130706433:PORT/token", "http://0x7f000001:PORT/token", "http://0177.0.0.1:PORT/token",
        "http://[::1]:PORT/token", "http://localhost.:PORT/token", "http://HOST\\@127.0.0.1/token",
        "javascript:alert(1)", "http://HOST%00/token", "http://HOST /token", "http://HOST./token",
        "http://127.1:PORT/token", "http://0:PORT/token", "http://[::ffff:127.0.0.1]:PORT/token",
        "http://HOST#@x/token",
        "http://HOST?@x/token", "http:HOST/token", "ftp://HOST/token", "https://HOST/token", "token",
    ].map { realm in
        HostileScenario(
            description: "realm \(realm)",
            realm: { filled(realm, $0) }
        )
    }

    private static let tokenServices = [301, 302, 303, 307, 308].map { status in
        scripted("the token service's \(status)", RequestMatch(nil, .token, times: nil)) {
            .redirect(status, toOrigin: $0)
        }
    }

    private static let echoes = (places + [("GET", .token), ("POST", .token)]).flatMap { method, path in
        [400, 401, 403, 404, 429, 500].map { status in
            scripted(
                "\(status) for \(method) \(path) that repeats what was sent",
                RequestMatch(method, path, times: nil)
            ) {
                _ in
                .flip { request in
                    let sent = [request.headers["authorization"] ?? "", String(buffer: request.bodyStart)]
                    return .reply(.error(status, "UNKNOWN", sent.joined(separator: " ")))
                }
            }
        }
    }
}
