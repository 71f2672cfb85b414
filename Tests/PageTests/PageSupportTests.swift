import ArgumentParser
import OCI
import Page
import TestSupport
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct PageSupportTests {
    private static let configuration = """
        lifecycle: {eol_provider: endoflife, eol_data_file: eol.yaml, eol_url: "http://127.0.0.1:1"}
        sync:
          entries:
            - source: docker.io/library/alpine
              tag_regex: '^3\\.'
              target: registry.example.com/mirrors/alpine
              lifecycle: {product: alpine, track: minor}
            - source: docker.io/library/busybox
              tag: "1.36"
              target: registry.example.com/mirrors/busybox

        """

    private static let data = """
        alpine:
        - {cycle: "3.9", eol: 2020-11-01}
        - {cycle: "3.99", eol: 2099-01-01}
        - {cycle: "3.8", eol: true}
        - {cycle: "4.0", eol: 2020-01-01}

        """

    private func support(data: String?) async throws -> PageSource.Support {
        try await TemporaryDirectory.with { path async throws in
            try Files.write(Self.configuration, to: "\(path)/imglife.yaml")
            if let data { try Files.write(data, to: "\(path)/eol.yaml") }
            let options = try GlobalOptions.parse(["--config", "\(path)/imglife.yaml", "--log-level", "error"])
            return try await Session(options: options, copies: false).support()
        }
    }

    @Test("The page tells the end of life of the tags that an entry selects, from the data file alone")
    func file() async throws {
        let support = try await support(data: Self.data)
        let alpine = try RepositoryReference("docker.io/library/alpine")
        #expect(support(alpine, "3.9.6") == SupportEnd(.ended, date: "2020-11-01"))
        #expect(support(alpine, "3.99.1") == SupportEnd(.supported, date: "2099-01-01"))
        #expect(support(alpine, "3.8") == SupportEnd(.ended, date: nil))
        #expect(support(alpine, "3.10") == nil)
        #expect(support(alpine, "4.0.1") == nil)
        #expect(support(try RepositoryReference("docker.io/library/busybox"), "1.36") == nil)
        #expect(support(try RepositoryReference("quay.io/library/alpine"), "3.9.6") == nil)
    }

    @Test("Without a data file, or with one that cannot be read, nothing is told", arguments: [nil, "{", "alpine: 3"])
    func unusable(data: String?) async throws {
        let support = try await support(data: data)
        #expect(support(try RepositoryReference("docker.io/library/alpine"), "3.9.6") == nil)
    }
}
