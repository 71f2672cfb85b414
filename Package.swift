// swift-tools-version: 6.3
import PackageDescription

#if canImport(Glibc)
import Glibc

/// Whether this machine's C library loads relative relocations that are packed into bits (2.36).
let loadsPackedRelocations: Bool = {
    var text = [CChar](repeating: 0, count: 64)
    guard confstr(CInt(_CS_GNU_LIBC_VERSION), &text, text.count) > 0 else { return false }
    let version = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let numbers = version.split { !$0.isNumber }.compactMap { Int($0) }
    return !numbers.lexicographicallyPrecedes([2, 36])
}()
#else
let loadsPackedRelocations = false
#endif

/// What makes a release smaller: no symbols for others to link against and equal functions once (5 MB), relocations in bits (3 MB).
///
/// Tables for unwinding, which Swift does not do, are another 8 MB.
let smallBinary =
    [
        "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "--icf=safe",
        "-Xlinker", "-T", "-Xlinker", "\(Context.packageDirectory)/Sources/CBuild/SmallBinary.ld",
    ] + (loadsPackedRelocations ? ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] : [])

/// For code that runs once a command, not once a tag or a byte.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// For code that tests put through millions of bytes: optimised in debug builds too, with its assertions.
let quick: [SwiftSetting] = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

/// Set by the Makefile: what a newer compiler or dependency deprecates must not break a user's build.
let warningsAreErrors = Context.environment["IMGLIFE_WARNINGS_AS_ERRORS"] == "1"

// The arrows between modules: imglife → Sync → Archive → Cache → OCI, Sync → Registry → OCI, Sync → Lifecycle → YAML → OCI;
// imglife → Page → Cache; Concurrency and Output know no domain. The Makefile builds with `--explicit-target-dependency-import-check error`, so an
// import that is not declared here does not compile.
let package = Package(
    name: "imglife",
    products: [
        .executable(name: "imglife", targets: ["imglife"]),
        .library(name: "FaultShim", type: .dynamic, targets: ["FaultShim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.2", traits: []),
    ],
    targets: [
        .target(
            name: "OCI",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: quick
        ),
        .target(name: "Concurrency", dependencies: [.product(name: "NIOCore", package: "swift-nio")]),
        .target(
            name: "Registry",
            dependencies: [
                "CLinux", "Concurrency", "OCI",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .target(name: "YAML", dependencies: ["OCI", .product(name: "Yams", package: "Yams")]),
        .target(name: "Lifecycle", dependencies: ["OCI", "Output", "YAML", .product(name: "Yams", package: "Yams")]),
        .target(
            name: "CLinux",
            linkerSettings: [
                .linkedLibrary("crypt"), .linkedLibrary("lzma"), .linkedLibrary("z"), .linkedLibrary("zstd"),
            ]
        ),
        .target(
            name: "Cache",
            dependencies: [
                "CLinux", "Concurrency", "OCI",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Blobs/CommitProtocol.md"]
        ),
        .target(name: "Output", dependencies: ["OCI"]),
        .target(
            name: "Archive",
            dependencies: [
                "CLinux", "Cache", "OCI", "Output",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: quick
        ),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "Sync",
            dependencies: [
                "Archive", "CRE2", "Cache", "Concurrency", "Lifecycle", "OCI", "Output", "Registry", "YAML",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .target(
            name: "Serve",
            dependencies: [
                "CLinux", "Cache", "Concurrency", "OCI", "Output",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .target(
            name: "Page",
            dependencies: [
                "Cache", "Concurrency", "OCI",
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: small
        ),
        .target(
            name: "CBuild",
            exclude: ["SmallBinary.ld"],
            cSettings: Context.environment["IMGLIFE_COMMIT"].map { [.define("IMGLIFE_COMMIT", to: "\"\($0)\"")] } ?? []
        ),
        .target(name: "Convert", dependencies: ["OCI", "Sync", "YAML"], swiftSettings: small),
        .executableTarget(
            name: "imglife",
            dependencies: [
                "Archive", "CLinux", "Cache", "Concurrency", "Convert", "Lifecycle", "OCI", "Output", "Page",
                "Registry", "Serve", "Sync", "YAML", "CBuild",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: small,
            linkerSettings: [.unsafeFlags(smallBinary, .when(platforms: [.linux], configuration: .release))]
        ),
        .target(
            name: "TestSupport",
            dependencies: [
                "OCI",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: quick
        ),
        .testTarget(
            name: "TestSupportTests",
            dependencies: ["OCI", "TestSupport", .product(name: "NIOCore", package: "swift-nio")]
        ),
        .testTarget(name: "ConcurrencyTests", dependencies: ["Concurrency", "TestSupport"]),
        .testTarget(
            name: "OCITests",
            dependencies: ["OCI", "TestSupport", .product(name: "NIOCore", package: "swift-nio")]
        ),
        .testTarget(
            name: "LifecycleTests",
            dependencies: ["FailingCalls", "Lifecycle", "OCI", "TestSupport", "YAML"]
        ),
        .testTarget(
            name: "RegistryTests",
            dependencies: [
                "Concurrency", "OCI", "Registry", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .executableTarget(
            name: "CacheProbe",
            dependencies: ["Cache", "OCI", "TestSupport", .product(name: "NIOCore", package: "swift-nio")],
            path: "Tests/CacheProbe"
        ),
        .target(
            name: "CacheSupport",
            dependencies: [
                "Cache", "FailingCalls", "OCI", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/CacheSupport"
        ),
        .target(name: "FaultShim", path: "Tests/FaultShim"),
        .target(name: "HeldChild", path: "Tests/HeldChild"),
        .target(name: "FailingCalls", path: "Tests/FailingCalls"),
        .target(
            name: "FaultRig",
            dependencies: [
                "Archive", "Cache", "CacheProbe", "Concurrency", "OCI", "Registry", "TestSupport", "imglife",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            path: "Tests/FaultRig",
            swiftSettings: quick
        ),
        .executableTarget(name: "Torture", dependencies: ["FaultRig"], path: "Tests/Torture"),
        .testTarget(name: "FaultTests", dependencies: ["FaultRig", "TestSupport"]),
        .testTarget(
            name: "CacheTests",
            dependencies: [
                "CLinux", "Cache", "CacheProbe", "CacheSupport", "Concurrency", "FailingCalls", "HeldChild", "OCI",
                "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            exclude: ["FormerCache"]
        ),
        .testTarget(
            name: "ArchiveTests",
            dependencies: [
                "Archive", "CLinux", "Cache", "CacheSupport", "FailingCalls", "HeldChild", "OCI", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "SyncTests",
            dependencies: [
                "Cache", "FailingCalls", "Lifecycle", "OCI", "Registry", "Sync", "TestSupport", "YAML",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        .testTarget(name: "ConvertTests", dependencies: ["Convert", "OCI", "Sync", "TestSupport"]),
        .testTarget(
            name: "ServeTests",
            dependencies: [
                "Cache", "CacheSupport", "Concurrency", "OCI", "Serve", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "PageTests",
            dependencies: [
                "Cache", "CacheSupport", "OCI", "Page", "Serve", "TestSupport", "imglife",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "Archive", "Cache", "CacheSupport", "Concurrency", "Lifecycle", "OCI", "Output", "Serve", "Sync",
                "TestSupport", "YAML", "imglife",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            exclude: ["Golden"]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "OCI", "TestSupport", "imglife",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            exclude: ["Terminal/Golden"]
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

for target in package.targets {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            .enableUpcomingFeature("InferIsolatedConformances"),
        ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])
}
