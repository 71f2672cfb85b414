package import OCI

extension ExternalRegistry {
    /// Starts it again after ``stop()``, and waits until it answers.
    package func start() async throws {
        process.start()
        for _ in 0..<500 {
            if process.hasFailed { break }
            if let answer = try? await client.get("/v2/"), answer.status > 0 {
                try await process.waitUntilAlive()
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw ToolError(description: "docker-registry did not answer at \(host): \(process.lines.suffix(5))")
    }

    /// Kills it and waits until it is gone; connections are then refused.
    package func stop() async throws {
        try await process.stop()
    }

    /// Stops it, deletes all that it holds, and starts it again at the same port.
    package func empty() async throws {
        try await stop()
        try Files.remove(storage)
        try Files.makeDirectory(storage)
        try await start()
    }

    /// The requests so far as `METHOD target`, in the order in which they were answered; only of this start.
    package func accessLog() async throws -> [String] {
        let marker = "/v2/?marker=\(UInt64.random(in: .min ... .max))"
        _ = try await client.get(marker)
        let lines = try await process.waitForLines { lines in lines.contains { $0.contains(marker) } }
        return lines.compactMap { AccessLogLine($0)?.request }.filter { !$0.contains(marker) }
    }

    /// Pushes an image over the wire.
    package func push(_ image: SampleImage, repository: RepositoryName, tag: TagName? = nil) async throws {
        try await client.push(image, to: repository, tag: tag)
    }
}

/// One line of Apache's combined log format.
struct AccessLogLine {
    let request: String
    let status: Int

    init?(_ line: String) {
        let parts = line.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].hasSuffix(" HTTP/1.1") || parts[1].hasSuffix(" HTTP/2.0"),
            let status = parts[2].split(separator: " ").first.flatMap({ Int($0) })
        else { return nil }
        request = String(parts[1].dropLast(9))
        self.status = status
    }
}
