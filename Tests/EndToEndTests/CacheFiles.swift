import OCI
import TestSupport

/// What lies in a cache's directory, seen as the files that they are.
struct CacheFiles {
    let path: String

    /// The digests of the files under `blobs/`, by their names.
    func digests() throws -> Set<Digest> {
        var result: Set<Digest> = []
        for algorithm in try Files.list("\(path)/blobs") {
            for name in try Files.list("\(path)/blobs/\(algorithm)") {
                result.insert(try Digest("\(algorithm):\(name)"))
            }
        }
        return result
    }

    /// The files under `blobs/` whose bytes are not what their names say.
    func wrongBlobs() throws -> [Digest] {
        try digests().filter { digest in
            let bytes = try Files.read("\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)")
            return Digest.of(bytes, algorithm: digest.algorithm) != digest
        }
    }

    /// The partial downloads.
    func partials() throws -> [String] { try Files.list("\(path)/ingest") }

    /// The images that `index.json` names, by reference.
    func images() throws -> [String: Digest] {
        let manifest = try Manifest(bytes: Files.read("\(path)/index.json"), contentType: .ociIndex)
        guard case .index(let index) = manifest.content else { return [:] }
        var result: [String: Digest] = [:]
        for entry in index.entries {
            guard let name = entry.annotations["org.opencontainers.image.ref.name"] else { continue }
            result[name] = entry.descriptor.digest
        }
        return result
    }

    /// Whether the directory is an image layout by its marker.
    func hasLayoutMarker() throws -> Bool {
        try Files.text("\(path)/oci-layout") == #"{"imageLayoutVersion":"1.0.0"}"#
    }
}
