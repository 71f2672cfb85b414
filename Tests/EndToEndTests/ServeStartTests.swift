import TestSupport
import Testing

/// A server that cannot begin says why in one line, in words that are no program's.
@Suite(.timeLimit(.minutes(10)))
struct ServeStartTests {
    private static func expect(
        _ reason: String,
        _ arguments: String...,
        at address: String = "127.0.0.1:0"
    ) async throws {
        try await Workspace.with { workspace async throws in
            try Files.write("neither certificate nor key", to: "\(workspace.path)/text.pem")
            let command = ["serve", "--cache-dir", "cache", "--allow-anonymous", "--listen", address] + arguments
            let result = try await workspace.launch([Workspace.program] + command)
            #expect(result.status == 1, "\(result.errors)")
            let error = result.errors.split(separator: "\n").last ?? ""
            #expect(error.contains(reason), "\(result.errors)")
            #expect(!error.contains("errno") && !error.contains("bind(") && !error.contains("Error"), "\(error)")
        }
    }

    @Test("An address that is taken, or is none of this machine's")
    func addresses() async throws {
        try await ScriptedRegistry.with { taken async throws in
            let address = "\(taken.host)"
            try await Self.expect(
                "cannot listen on \(address): Address already in use; choose another address with --listen",
                at: address
            )
            try await Self.expect(
                "cannot listen on \(address): Address already in use; choose another address with --metrics-listen",
                "--metrics-listen",
                address
            )
        }
        try await Self.expect(": Cannot assign requested address; choose another", at: "192.0.2.1:5050")
        try await Self.expect(": the host's name is not known; choose another", at: "nonesuch.invalid:5050")
    }

    @Test("A certificate or key that is not there, is none, or does not fit", .requires(.tool("openssl")))
    func certificates() async throws {
        let certificates = try await TestCertificates.shared()
        let (certificate, key) = (certificates.server.certificateFile, certificates.server.keyFile)
        let otherKey = certificates.wrongHost.keyFile
        for (certificate, key, reason) in [
            ("none.pem", key, ": none.pem: No such file or directory; both must"),
            (certificate, "none.pem", ": none.pem: No such file or directory; both must"),
            ("text.pem", key, ": text.pem holds no certificate; both must"),
            (certificate, "text.pem", ": text.pem holds no key, or that of another certificate; both must"),
            (certificate, otherKey, " holds no key, or that of another certificate; both must"),
        ] {
            try await Self.expect(reason, "--tls-cert", certificate, "--tls-key", key)
        }
    }

    @Test("It tells that it waits for the cache, and stops in order also then", .requires(.tool("flock")))
    func waitingForTheCache() async throws {
        try await Workspace.with { workspace async throws in
            let script = """
                mkdir cache; "$imglife" serve --cache-dir cache --listen 127.0.0.1:0 2>first.txt & pid=$!
                until_log() { for i in $(seq 600); do grep -q "$1" $2 && return; sleep 0.05; done; }
                until_log listening first.txt; kill $pid; wait $pid
                flock -x cache/locks/store sleep 600 & lock=$!
                until ! flock -n -s cache/locks/store true; do sleep 0.05; done
                "$imglife" serve --cache-dir cache --listen 127.0.0.1:0 --lock-timeout 10m 2>log.txt & pid=$!
                until_log 'waiting' log.txt; kill $pid; wait $pid; echo $?; kill $lock
                """
            let result = try await workspace.shell(script)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines == ["0"], "\(log)")
            #expect(log.contains("waiting: another imglife process is using the cache"), "\(log)")
            #expect(log.contains("stopping") && !log.contains("ERROR"), "\(log)")
        }
    }
}
