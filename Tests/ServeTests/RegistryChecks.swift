import OCI
import TestSupport
import Testing

// Requests and what their answers must be, for ``RegistryTests``.

extension RegistryTests {
    /// What the registry holds.
    static let app = SampleImage.multiPlatform(layerSize: 60_000)
    static let signature = SampleImage.artifact(
        of: app.top,
        type: "application/vnd.example.sig",
        annotations: ["a": "b\"c"]
    )
    static let bill = SampleImage.artifact(of: app.top, type: "application/vnd.example.sbom", content: "bill")
    static let large = SampleImage.image(
        layers: [.init(seed: 9, size: 0), .init(seed: 8, size: 300_000)],
        algorithm: .sha512
    )
    static let images: [(name: String, image: SampleImage)] = [
        ("docker.io/library/app:1", app), ("docker.io/library/app:2", app), ("docker.io/library/app:B", app),
        ("quay.io/team/sub/app:v1", app), ("quay.io/team/sub/app:sig", signature),
        ("quay.io/team/sub/app:sbom", bill), ("registry:5000/lab/app:1", large),
    ]
    static var layer: SampleImage.Part { app.blobs[1] }
    static let unknown = "sha256:" + String(repeating: "0", count: 64)
    static let manifestOfApp = "/v2/library/app/manifests/\(app.digest)"
    static let blobOfApp = "/v2/library/app/blobs/\(layer.descriptor.digest)"

    /// A request and what its answer must be.
    struct Check: Sendable, CustomTestStringConvertible {
        let method: String
        let uri: String
        var headers: HeaderList = [:]
        let status: Int
        /// Header fields that the answer must have.
        var expected: [String: String] = [:]
        /// Text that its body must hold.
        var text = ""

        var testDescription: String { "\(method) \(uri) \(headers.fields.map { "\($0.name): \($0.value)" })" }
    }

    static let digestHeaders = [
        "Docker-Content-Digest": app.digest.description, "ETag": "\"\(app.digest)\"",
        "Content-Type": MediaType.ociIndex.description, "Content-Length": "\(app.top.size)",
    ]
    static let blobHeaders = [
        "Docker-Content-Digest": layer.descriptor.digest.description, "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes", "ETag": "\"\(layer.descriptor.digest)\"",
    ]

    static let checks: [Check] = roots + manifests + blobs + lists + catalogs + referrers + refusals

    static let roots = [
        Check(
            method: "GET",
            uri: "/v2/",
            status: 200,
            expected: ["Docker-Distribution-API-Version": "registry/2.0"],
            text: "{}"
        ),
        Check(method: "HEAD", uri: "/v2/", status: 200, expected: ["Content-Length": "2"]),
        Check(method: "GET", uri: "/v2", status: 200),
        Check(method: "GET", uri: "/healthz", status: 200, text: "ok"),
        Check(method: "GET", uri: "/readyz", status: 200),
        Check(method: "GET", uri: "/metrics", status: 200, text: "imglife_serve_requests_total"),
        Check(method: "GET", uri: "/v1/", status: 404), Check(method: "GET", uri: "/v2/x", status: 404),
        Check(method: "GET", uri: "/v2/a/../b/tags/list", status: 404),
    ]
    static let manifests = [
        Check(
            method: "GET",
            uri: "/v2/library/app/manifests/1",
            status: 200,
            expected: digestHeaders.merging(["Cache-Control": "no-cache"]) { $1 }
        ),
        Check(method: "HEAD", uri: "/v2/library/app/manifests/1", status: 200, expected: digestHeaders),
        Check(
            method: "GET",
            uri: manifestOfApp,
            status: 200,
            expected: digestHeaders.merging(["Cache-Control": "max-age=31536000, immutable"]) { $1 }
        ),
        Check(method: "GET", uri: "/v2/app/manifests/1", status: 200, expected: digestHeaders),
        Check(method: "GET", uri: "/v2/docker.io/library/app/manifests/1", status: 200, expected: digestHeaders),
        Check(
            method: "GET",
            uri: "/v2/library/app/manifests/1?ns=docker.io",
            status: 200,
            expected: ["OCI-Namespace": "docker.io"]
        ),
        Check(
            method: "GET",
            uri: "/v2/team/sub/app/manifests/v1?ns=quay.io",
            status: 200,
            expected: ["OCI-Namespace": "quay.io"]
        ),
        Check(method: "GET", uri: "/v2/quay.io/team/sub/app/manifests/v1", status: 200, expected: digestHeaders),
        Check(
            method: "GET",
            uri: "/v2/lab/app/manifests/1?ns=registry:5000",
            status: 200,
            expected: ["Docker-Content-Digest": large.digest.description]
        ),
        Check(method: "GET", uri: "/v2/lab/app/manifests/1?ns=registry%3A5000", status: 200),
        Check(method: "GET", uri: "/v2/registry_5000/lab/app/manifests/1", status: 200),
        Check(method: "GET", uri: "/v2/registry:5000/lab/app/manifests/1", status: 200),
        Check(
            method: "GET",
            uri: "/v2/registry:5000/lab/app/manifests/\(large.digest)",
            status: 200,
            expected: ["Docker-Content-Digest": large.digest.description]
        ),
        Check(
            method: "GET",
            uri: manifestOfApp,
            headers: ["If-None-Match": "\"\(app.digest)\""],
            status: 304,
            expected: ["ETag": "\"\(app.digest)\""]
        ),
        Check(method: "GET", uri: manifestOfApp, headers: ["If-None-Match": "\"x\", W/\"\(app.digest)\""], status: 304),
        Check(method: "HEAD", uri: "/v2/app/manifests/1", headers: ["If-None-Match": "*"], status: 304),
        Check(method: "GET", uri: manifestOfApp, headers: ["If-None-Match": "\"x\""], status: 200),
        Check(
            method: "GET",
            uri: manifestOfApp,
            headers: ["Accept": "text/html"],
            status: 200,
            expected: digestHeaders
        ),
        Check(method: "GET", uri: "/v2/library/app/manifests/9", status: 404, text: "MANIFEST_UNKNOWN"),
        Check(method: "HEAD", uri: "/v2/library/app/manifests/9", status: 404),
        Check(
            method: "GET",
            uri: "/v2/library/app/manifests/.INVALID_MANIFEST_NAME",
            status: 404,
            text: "MANIFEST_UNKNOWN"
        ),
        Check(method: "GET", uri: "/v2/library/app/manifests/\(unknown)", status: 404, text: "MANIFEST_UNKNOWN"),
        Check(method: "GET", uri: "/v2/library/app/manifests/sha256:xyz", status: 400, text: "DIGEST_INVALID"),
        Check(method: "GET", uri: "/v2/library/app/manifests/md5:00", status: 400, text: "DIGEST_INVALID"),
        Check(
            method: "GET",
            uri: "/v2/library/app/manifests/\(layer.descriptor.digest)",
            status: 404,
            text: "MANIFEST_UNKNOWN"
        ),
        Check(method: "GET", uri: "/v2/evil.example/app/manifests/1", status: 404, text: "NAME_UNKNOWN"),
        Check(method: "GET", uri: "/v2/library/app/manifests/1?ns=evil.example", status: 404, text: "NAME_UNKNOWN"),
        Check(method: "GET", uri: "/v2/library/APP/manifests/1", status: 400, text: "NAME_INVALID"),
        Check(
            method: "GET",
            uri: "/v2/\(String(repeating: "a", count: 300))/manifests/1",
            status: 400,
            text: "NAME_INVALID"
        ),
        Check(method: "GET", uri: "/v2//manifests/1", status: 400, text: "NAME_INVALID"),
        Check(method: "GET", uri: "/v2/a%2Fb/manifests/1", status: 404),
    ]
    static let blobs = [
        Check(
            method: "GET",
            uri: blobOfApp,
            status: 200,
            expected: blobHeaders.merging(["Content-Length": "60000"]) { $1 }
        ),
        Check(
            method: "HEAD",
            uri: blobOfApp,
            status: 200,
            expected: blobHeaders.merging(["Content-Length": "60000"]) { $1 }
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=100-199"],
            status: 206,
            expected: ["Content-Range": "bytes 100-199/60000", "Content-Length": "100"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=-1"],
            status: 206,
            expected: ["Content-Range": "bytes 59999-59999/60000"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=0-"],
            status: 206,
            expected: ["Content-Range": "bytes 0-59999/60000"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=500-0"],
            status: 416,
            expected: ["Content-Range": "bytes */60000"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=60000-"],
            status: 416,
            expected: ["Content-Range": "bytes */60000"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=0-1,5-6"],
            status: 200,
            expected: ["Content-Length": "60000"]
        ),
        Check(
            method: "HEAD",
            uri: blobOfApp,
            headers: ["Range": "bytes=0-1"],
            status: 200,
            expected: ["Content-Length": "60000"]
        ),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=0-1", "If-Range": "\"\(layer.descriptor.digest)\""],
            status: 206
        ),
        Check(method: "GET", uri: blobOfApp, headers: ["Range": "bytes=0-1", "If-Range": "\"x\""], status: 200),
        Check(
            method: "GET",
            uri: blobOfApp,
            headers: ["Range": "bytes=0-1", "If-Range": "W/\"\(layer.descriptor.digest)\""],
            status: 200
        ),
        Check(method: "GET", uri: blobOfApp, headers: ["If-None-Match": "\"\(layer.descriptor.digest)\""], status: 304),
        Check(
            method: "GET",
            uri: "/v2/lab/app/blobs/\(large.blobs[1].descriptor.digest)?ns=registry:5000",
            status: 200,
            expected: ["Content-Length": "0", "OCI-Namespace": "registry:5000"]
        ),
        Check(
            method: "GET",
            uri: "/v2/app/blobs/\(large.blobs[1].descriptor.digest)",
            headers: ["Range": "bytes=0-"],
            status: 416,
            expected: ["Content-Range": "bytes */0"]
        ),
        Check(method: "GET", uri: "/v2/library/app/blobs/\(unknown)", status: 404, text: "BLOB_UNKNOWN"),
        Check(method: "HEAD", uri: "/v2/library/app/blobs/\(unknown)", status: 404),
        Check(method: "GET", uri: "/v2/library/app/blobs/sha256:totallywrong", status: 400, text: "DIGEST_INVALID"),
        Check(
            method: "GET",
            uri: "/v2/evil.example/app/blobs/\(layer.descriptor.digest)",
            status: 404,
            text: "NAME_UNKNOWN"
        ),
    ]
    static let lists = [
        Check(
            method: "GET",
            uri: "/v2/library/app/tags/list",
            status: 200,
            text: #"{"name":"library/app","tags":["1","2","B"]}"#
        ),
        Check(method: "HEAD", uri: "/v2/library/app/tags/list", status: 200),
        Check(
            method: "GET",
            uri: "/v2/app/tags/list?n=2",
            status: 200,
            expected: ["Link": #"</v2/app/tags/list?n=2&last=2>; rel="next""#],
            text: #"["1","2"]"#
        ),
        Check(method: "GET", uri: "/v2/app/tags/list?n=2&last=2", status: 200, text: #"["B"]"#),
        Check(method: "GET", uri: "/v2/app/tags/list?last=15", status: 200, text: #"["2","B"]"#),
        Check(method: "GET", uri: "/v2/app/tags/list?n=0", status: 200, text: #"[]"#),
        Check(method: "GET", uri: "/v2/app/tags/list?n=x", status: 400),
        Check(method: "GET", uri: "/v2/lab/app/tags/list?n=1&ns=registry:5000", status: 200, text: #"["1"]"#),
        Check(
            method: "GET",
            uri: "/v2/team/sub/app/tags/list?n=1&ns=quay.io",
            status: 200,
            expected: ["Link": #"</v2/team/sub/app/tags/list?n=1&last=sbom&ns=quay.io>; rel="next""#]
        ),
        Check(method: "GET", uri: "/v2/nobody/tags/list", status: 404, text: "NAME_UNKNOWN"),
    ]
    static let catalogs = [
        Check(
            method: "GET",
            uri: "/v2/_catalog",
            status: 200,
            text: #"{"repositories":["docker.io/library/app","quay.io/team/sub/app","registry_5000/lab/app"]}"#
        ),
        Check(
            method: "GET",
            uri: "/v2/_catalog?n=1",
            status: 200,
            expected: ["Link": #"</v2/_catalog?n=1&last=docker.io%2Flibrary%2Fapp>; rel="next""#]
        ),
        Check(
            method: "GET",
            uri: "/v2/_catalog?n=1&last=docker.io%2Flibrary%2Fapp",
            status: 200,
            text: #"["quay.io/team/sub/app"]"#
        ),
        Check(
            method: "GET",
            uri: "/v2/_catalog?ns=quay.io",
            status: 200,
            expected: ["OCI-Namespace": "quay.io"],
            text: #"["team/sub/app"]"#
        ),
        Check(method: "GET", uri: "/v2/_catalog?ns=evil.example", status: 404),
    ]
    static let referrers = [
        Check(
            method: "GET",
            uri: "/v2/library/app/referrers/\(unknown)",
            status: 200,
            expected: ["Content-Type": MediaType.ociIndex.description],
            text: #""manifests":[]"#
        ),
        Check(
            method: "GET",
            uri: "/v2/team/sub/app/referrers/\(app.digest)?ns=quay.io",
            status: 200,
            text: signature.digest.description
        ),
        Check(
            method: "GET",
            uri: "/v2/quay.io/team/sub/app/referrers/\(app.digest)?artifactType=application%2Fvnd.example.sig",
            status: 200,
            expected: ["OCI-Filters-Applied": "artifactType"],
            text: #""annotations":{"a":"b\"c"}}]}"#
        ),
        Check(
            method: "GET",
            uri: "/v2/quay.io/team/sub/app/referrers/\(app.digest)?artifactType=none",
            status: 200,
            text: #""manifests":[]"#
        ),
        // The same image in another repository, which has no signature of it.
        Check(
            method: "GET",
            uri: "/v2/library/app/referrers/\(app.digest)",
            status: 200,
            text: #""manifests":[]"#
        ),
        Check(method: "GET", uri: "/v2/library/app/referrers/sha256:zz", status: 400, text: "DIGEST_INVALID"),
        Check(method: "HEAD", uri: "/v2/library/app/referrers/\(app.digest)", status: 200),
    ]
    static let refusals: [Check] =
        [
            "/v2/", "/v2/app/manifests/1", "/v2/app/blobs/uploads/", "/v2/app/blobs/uploads/1",
            "/v2/app/blobs/\(unknown)",
            "/v2/app/tags/list", "/v2/_catalog", "/v2/app/referrers/\(unknown)",
        ].flatMap { uri in
            ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"].map { method in
                Check(method: method, uri: uri, status: 405, expected: ["Allow": "GET, HEAD"], text: "UNSUPPORTED")
            }
        } + [
            Check(method: "GET", uri: "/v2/app/blobs/uploads/1", status: 404),
            Check(method: "PUT", uri: "/v2/app/manifests/sha256:totallywrong", status: 400, text: "DIGEST_INVALID"),
        ]
}
