import NIOCore
import OCI
import TestSupport
import Testing

/// What an archive of very many names costs in memory, by the peaks of the programs themselves.
@Suite(.timeLimit(.minutes(10)), .requires(.tool("python3")))
struct ManyNamesTests {
    private static let image = SampleImage.image(layers: [.init(seed: 7, size: 100)])
    /// Runs a program and prints the most memory that it had, in KiB.
    private static let measure = """
        import os, sys
        child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
        _, status, usage = os.wait4(child, 0)
        print("peak", usage.ru_maxrss)
        sys.exit(os.waitstatus_to_exitcode(status))
        """

    /// In a cache of its own each, but for those that read what the one before has written.
    private static let commands: [(name: String, arguments: [String])] = [
        ("import", ["import", "layout", "--cache-dir", "a", "--progress", "none"]),
        ("receipt", ["receipt", "--cache-dir", "a", "-o", "r.json"]),
        ("export", ["export", "--offline", "--cache-dir", "a", "-o", "a.tar", "--output", "json"]),
        ("import of that", ["import", "a.tar", "--cache-dir", "b", "--output", "json"]),
        ("export with a receipt", ["export", "--offline", "--cache-dir", "a", "-o", "n.tar", "--since", "r.json"]),
        ("import without most of them", ["import", "a.tar", "--cache-dir", "c", "--only", "*:v1"]),
    ]

    /// An image layout in which one image has many names.
    private static func makeLayout(_ workspace: Workspace, names: Int) throws {
        let (path, top) = ("\(workspace.path)/layout", image.top)
        for folder in [path, "\(path)/blobs", "\(path)/blobs/sha256"] { try Files.makeDirectory(folder) }
        for part in image.blobs + image.manifests {
            try Files.write(part.source.buffer, to: "\(path)/blobs/sha256/\(part.descriptor.digest.hex)")
        }
        try Files.write(ByteBuffer(string: #"{"imageLayoutVersion":"1.0.0"}"#), to: "\(path)/oci-layout")
        let entries = (0..<names).map { number in
            #"{"mediaType":"\#(top.mediaType)","digest":"\#(top.digest)","size":\#(top.size),"annotations":{"#
                + #""io.containerd.image.name":"registry.example.com/team/application-\#(number / 1000):v\#(number)"}}"#
        }
        let text = #"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#
        try Files.write(ByteBuffer(string: text), to: "\(path)/index.json")
    }

    /// In KiB, in the order of the commands.
    private static func peaks(names: Int) async throws -> [Int] {
        try await Workspace.with { workspace async throws in
            try makeLayout(workspace, names: names)
            var peaks: [Int] = []
            for (_, arguments) in commands {
                let program = ["python3", "-S", "-c", measure, Workspace.program, "--log-level", "error"] + arguments
                let result = try await workspace.launch(program)
                try #require(result.status == 0, "\(arguments): \(result.errors)")
                let line = try #require(result.output.split(separator: "\n").last { $0.hasPrefix("peak ") })
                peaks.append(try #require(Int(line.dropFirst(5))))
            }
            return peaks
        }
    }

    @Test("A name costs a few hundred bytes of memory, whatever is done with an archive of very many")
    func memory() async throws {
        // Two runs of the same command differ by up to two mebibytes on a busy machine.
        let (few, many) = (200, 12_200)
        let (small, large) = (try await Self.peaks(names: few), try await Self.peaks(names: many))
        for (command, (small, large)) in zip(Self.commands, zip(small, large)) {
            let each = (large - small) * 1024 / (many - few)
            #expect(each < 900, "\(command.name): \(each) bytes a name")
        }
    }
}
