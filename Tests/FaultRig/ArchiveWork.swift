import FoundationEssentials
import OCI
import TestSupport

/// An image in an archive, as other tools write it, that `imglife import` is to take in.
struct ArchiveWork: Sendable {
    private static let repository = "registry.example/import/app"

    let image: SampleImage
    private let tag: String
    private let file: String

    /// Writes the archive; each number is another image.
    init(_ number: Int, in directory: String) async throws {
        let layers = (1...3).map { SampleImage.Layer(seed: UInt64(500_000 + number * 10 + $0), size: 60_000) }
        image = SampleImage.image(layers: layers, labels: ["imported": "\(number)"])
        tag = "r\(number)"
        file = "\(directory)/\(number).tar"
        let layout = "\(directory)/\(number).layout"
        try Files.makeDirectory("\(layout)/blobs/sha256")
        for part in image.blobs + image.manifests {
            try Files.write(part.source.buffer, to: "\(layout)/blobs/sha256/\(part.descriptor.digest.hex)")
        }
        try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "\(layout)/oci-layout")
        try Files.write(
            """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(image.top.mediaType)","digest":"\(image.digest)",\
            "size":\(image.top.size),"annotations":{"org.opencontainers.image.ref.name":"\(tag)"}}]}
            """,
            to: "\(layout)/index.json"
        )
        try await Tool.check("tar", ["-C", layout, "-cf", file, "oci-layout", "index.json", "blobs"])
        try Files.remove(layout)
    }

    func program(_ cache: String) -> FaultedProgram {
        let arguments = ["import", file, "--as", Self.repository, "--progress", "none", "--cache-dir", cache]
        return FaultedProgram(.imglife, arguments, cache: cache)
    }

    /// Runs without a fault, after which the image must be there, whole.
    func expectSuccess(_ place: String, _ cache: String, _ ledger: Ledger) async throws {
        let result = try await program(cache).run()
        if result.status != 0 {
            ledger.repair("\(place): the next import: \(result.status) \(result.errors.suffix(300))")
        }
        let examination = try Examination(cache)
        ledger.enter("\(place), after the next import", examination)
        if examination.tags["\(Self.repository):\(tag)"] != image.digest {
            ledger.repair("\(place): the next import does not bring \(tag)")
        }
        try Files.remove(file)
    }
}
