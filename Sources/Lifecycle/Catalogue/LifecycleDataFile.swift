import Glibc
import OCI
import YAML

/// The file that keeps products' release cycles between runs: `eol-data.yaml`.
package struct LifecycleDataFile: Sendable {
    package let path: String
    private let supplement: String?

    static let maximumBytes = YAMLDocument.maximumBytes

    /// - Parameters:
    ///   - path: where it is.
    ///   - supplement: a file that is only read: for products of which this one has no answer of the service.
    package init(path: String, supplement: String? = nil) {
        self.path = path
        self.supplement = supplement
    }

    /// Whether it can be replaced, or written into, as far as permissions tell; opens and changes nothing.
    package var isWritable: Bool { DurableFile(path: path).isWritable }

    /// - Returns: `nil` when there is no such file. Not an error.
    /// - Throws: ``ConfigurationError`` with every problem of its text, ``FileError``.
    @concurrent
    package func read() async throws -> LifecycleCatalogue? {
        let kept = try Self.catalogue(path)
        guard let supplement, var all = try Self.catalogue(supplement) else { return kept }
        all.products.merge(kept?.products ?? [:]) { given, kept in kept.fetched == nil ? given : kept }
        return all
    }

    private static func catalogue(_ path: String) throws -> LifecycleCatalogue? {
        guard let bytes = try DurableFile(path: path).read(upTo: maximumBytes + 1) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let problem = ConfigurationProblem(file: path, position: .start, path: "", message: "is not UTF-8 text")
            throw ConfigurationError(problems: [problem])
        }
        return try LifecycleCatalogue(yaml: text, file: path)
    }

    /// Replaces the file; whoever reads it sees the old or the new text, also after a crash.
    ///
    /// At most 1 MiB. Comments and unknown keys of a file that somebody wrote by hand are not kept.
    ///
    /// - Throws: ``FileError``; the old file is still there then.
    @concurrent
    package func write(_ catalogue: LifecycleCatalogue) async throws {
        let bytes = Array(try catalogue.yaml().utf8)
        guard bytes.count <= Self.maximumBytes else { throw FileError(path: path, action: "write", code: EFBIG) }
        try DurableFile(path: path).replace(with: bytes)
    }
}
