import Glibc
import Testing

@testable import imglife

/// Log lines that are written together.
@Suite(.timeLimit(.minutes(10)))
struct GatheredLinesTests {
    /// A pipe, and a terminal that writes to it: a write to a full one waits, as to a program that does not read.
    private struct Pipe {
        let terminal: Terminal
        let source: CInt

        static func with(_ body: (Pipe) async throws -> Void) async throws {
            var ends: [CInt] = [0, 0]
            try #require(pipe(&ends) == 0)
            defer { for end in ends { close(end) } }
            try #require(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
            try await body(Pipe(terminal: Terminal(descriptor: ends[1]), source: ends[0]))
        }

        /// What there is to read now.
        func read() -> String {
            var result: [UInt8] = []
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = Glibc.read(source, &bytes, bytes.count)
                guard count > 0 else { return String(decoding: result, as: UTF8.self) }
                result += bytes[..<count]
            }
        }

        func gathering(_ body: () async throws -> Void) async rethrows {
            try await terminal.gathering(tellLoss: { "\($0) lost\n" }, body)
        }
    }

    @Test("Lines that can wait are written together, before those that cannot, and all are at the end")
    func order() async throws {
        try await Pipe.with { pipe in
            await pipe.gathering {
                for number in 0..<3 { pipe.terminal.writeSoon("\(number)\n") }
                pipe.terminal.write("now\n")
                #expect(pipe.read() == "0\n1\n2\nnow\n")
                pipe.terminal.writeSoon("last\n")
            }
            #expect(pipe.read() == "last\n")
            pipe.terminal.writeSoon("alone\n")
            #expect(pipe.read() == "alone\n")
        }
    }

    @Test("No more than 32 KiB wait for others")
    func batch() async throws {
        try await Pipe.with { pipe in
            let line = String(repeating: "x", count: 1023) + "\n"
            await pipe.gathering {
                for _ in 0..<32 { pipe.terminal.writeSoon(line) }
                #expect(pipe.read().utf8.count == 32 << 10)
            }
            #expect(pipe.read().isEmpty)
        }
    }

    @Test("What waits is written after a while without anything else happening", .timeLimit(.minutes(10)))
    func patience() async throws {
        try await Pipe.with { pipe in
            await pipe.gathering {
                for number in 0..<3 {
                    pipe.terminal.writeSoon("\(number)\n")
                    var text = ""
                    while text.isEmpty {
                        await Task.yield()
                        text = pipe.read()
                    }
                    #expect(text == "\(number)\n")
                }
            }
        }
    }

    @Test("Lines of many threads are whole, and each thread's are in their order")
    func threads() async throws {
        try await Pipe.with { pipe in
            var text = ""
            await pipe.gathering {
                await withTaskGroup(of: Void.self) { group in
                    for name in ["a", "b", "c", "d"] {
                        group.addTask {
                            for number in 0..<2000 { pipe.terminal.writeSoon("\(name) \(number) end\n") }
                        }
                    }
                    group.addTask { pipe.terminal.write("warning\n") }
                    while await group.next() != nil { text += pipe.read() }
                }
                text += pipe.read()
            }
            text += pipe.read()
            let lines = text.split(separator: "\n")
            #expect(lines.count == 8001)
            for name in ["a", "b", "c", "d"] {
                #expect(lines.filter { $0.hasPrefix(name) } == (0..<2000).map { "\(name) \($0) end" })
            }
        }
    }

    @Test(
        "Nobody waits for a reader that does not read; what it misses is counted, and the end is not waited for either",
        .timeLimit(.minutes(10))
    )
    func blocked() async throws {
        try await Pipe.with { pipe in
            let line = String(repeating: "x", count: 99) + "\n"
            var text = ""
            await pipe.gathering {
                for _ in 0..<50_000 { pipe.terminal.writeSoon(line) }
                pipe.terminal.write("warning\n")
                // The reader comes back.
                while !text.hasSuffix("warning\n") {
                    await Task.yield()
                    text += pipe.read()
                }
                for _ in 0..<50_000 { pipe.terminal.writeSoon(line) }
            }
            let lines = text.split(separator: "\n")
            let kept = lines.count { $0.utf8.count == 99 }
            // What the pipe took, and what waited.
            #expect((10_000...12_000).contains(kept))
            #expect(lines.suffix(2) == ["\(50_000 - kept) lost", "warning"])
        }
    }
}
