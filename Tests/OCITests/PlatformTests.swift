import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PlatformTests {
    @Test(
        "A pattern is written in the specification's own names",
        arguments: [
            ("linux/amd64", "linux/amd64"), ("Linux/AMD64", "linux/amd64"), ("linux/x86_64", "linux/amd64"),
            ("linux/x86-64", "linux/amd64"), ("linux/aarch64", "linux/arm64"), ("linux/arm64/v8", "linux/arm64/v8"),
            ("linux/arm64/8", "linux/arm64/v8"), ("linux/arm/v7", "linux/arm/v7"), ("linux/arm/7", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"), ("linux/armel", "linux/arm/v6"), ("linux/i386", "linux/386"),
            ("macos/arm64", "darwin/arm64"), ("linux/riscv64", "linux/riscv64"), ("wasip1/wasm", "wasip1/wasm"),
        ]
    )
    func parses(text: String, canonical: String) throws {
        let pattern = try PlatformPattern(text)
        #expect(pattern.description == canonical)
        #expect(try PlatformPattern(pattern.description) == pattern)
    }

    @Test(
        "Anything else is no pattern",
        arguments: [
            "", "/", "linux", "linux/", "/amd64", "linux//v7", "linux/arm/", "linux/arm/v7/x", "linux/*", "linux amd64",
            "linux/amd64 ", "linux/\u{e9}", "linux/a\u{301}", "linux/\u{301}amd64", "linux/\u{212A}", "linux/a\0",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try PlatformPattern(text) }
        #expect(error?.kind == .platform)
    }

    @Test(
        "A pattern matches the platforms that it asks for",
        arguments: [
            ("linux/amd64", "linux/amd64", true), ("linux/amd64", "linux/amd64/", true),
            ("linux/amd64", "linux/amd64/v1", true), ("linux/amd64", "linux/amd64/v2", false),
            ("linux/amd64", "linux/amd64/v3", false), ("linux/amd64/v3", "linux/amd64/v3", true),
            ("linux/amd64/v3", "linux/amd64", false), ("linux/amd64/v1", "linux/amd64", true),
            ("linux/amd64", "linux/x86_64", true), ("linux/amd64", "windows/amd64", false),
            ("linux/amd64", "linux/386", false), ("linux/amd64", "Linux/AMD64", true),
            ("linux/arm64", "linux/arm64", true), ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64", "linux/arm64/8", true), ("linux/arm64", "linux/arm64/v9", false),
            ("linux/arm64/v8", "linux/arm64", true), ("linux/arm64/v8", "linux/arm64/v8", true),
            ("linux/arm64/v9", "linux/arm64", false), ("linux/arm64", "linux/aarch64", true),
            ("linux/arm", "linux/arm", true), ("linux/arm", "linux/arm/v5", true), ("linux/arm", "linux/arm/v6", true),
            ("linux/arm", "linux/arm/v7", true), ("linux/arm", "linux/arm64", false),
            ("linux/arm/v7", "linux/arm/v7", true), ("linux/arm/v7", "linux/arm/7", true),
            ("linux/arm/v7", "linux/arm/v6", false), ("linux/arm/v7", "linux/arm", false),
            ("linux/arm/v7", "linux/armhf", true), ("linux/s390x", "linux/s390x", true),
            ("linux/riscv64", "linux/riscv64/rva23u64", true), ("unknown/unknown", "unknown/unknown", false),
        ]
    )
    func matches(pattern: String, platform: String, expected: Bool) throws {
        let parts = platform.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        let platform = Platform(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : nil)
        #expect(try PlatformPattern(pattern).matches(platform) == expected)
    }

    @Test("Every Windows version matches")
    func ignoresVersion() throws {
        let platform = Platform(os: "windows", architecture: "amd64", osVersion: "10.0.20348.2700")
        #expect(try PlatformPattern("windows/amd64").matches(platform))
    }
}
