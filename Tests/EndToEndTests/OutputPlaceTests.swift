import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Results that are to be written to something else than a new file: never replaced, whoever the process runs as.
///
/// Each runs in a mount namespace of its own with devices of its own, so that a failure harms nobody.
@Suite(
    .requires(.mounting),
    .timeLimit(.minutes(10))
)
struct OutputPlaceTests {
    /// A directory `d` with devices and links, as `/dev` has them.
    private static let devices = """
        mkdir d && mount -t tmpfs none d || exit 90
        mknod d/null c 1 3 && mknod d/full c 1 7 && mkfifo d/fifo && mknod d/disk b 7 77 || exit 91
        ln -s null d/link && ln -s link d/links && ln -s /proc/self/fd/1 d/stdout && ln -s regular d/tofile
        echo mine >d/regular && ln -s absent d/dangling

        """

    /// Runs a shell's command line on a cache that holds one image.
    private static func run(_ script: String) async throws -> ToolResult {
        var result: ToolResult?
        try await ExportTests.with { workspace, _ async throws in
            let filled = try await workspace.run("export", "-o", "whole.tar", "--progress", "none")
            #expect(filled.status == 0, "\(filled.errors)")
            try Files.write(devices + script, to: "\(workspace.path)/script")
            result = try await workspace.launch(
                ["unshare", "--mount", "sh", "script"],
                environment: ["imglife": Workspace.program]
            )
        }
        return try #require(result)
    }

    private static let commands = [
        "export --offline --progress none -o", "export --offline --progress none --force -o", "receipt -o",
        "import whole.tar --progress none --receipt",
    ]

    @Test("A device or a link to one is written into and stays what it is", arguments: commands)
    func devices(command: String) async throws {
        let result = try await Self.run(
            """
            for place in d/null d/link d/links; do "$imglife" \(command) $place >/dev/null || exit 1; done
            "$imglife" \(command) d/full >/dev/null 2>errors && exit 2
            grep -q -- --force errors && exit 3
            stat -c '%F %t %T' d/null d/full
            readlink d/link d/links
            """
        )
        #expect(
            result.lines == ["character special file 1 3", "character special file 1 7", "null", "link"],
            "\(result.status) \(result.errors)"
        )
    }

    @Test("A FIFO's reader gets the whole, and so does whoever reads standard output by another name")
    func streams() async throws {
        let result = try await Self.run(
            """
            export="$imglife export --offline --progress none -o"
            cat d/fifo >read & $export d/fifo >/dev/null || exit 1
            wait; cmp read whole.tar && test -p d/fifo && echo fifo
            $export d/stdout 2>told | cmp - whole.tar && grep -q exported told && echo pipe
            $export d/stdout >file 2>/dev/null && cmp file whole.tar && echo file
            $export /dev/fd/3 3>third >/dev/null && cmp third whole.tar && echo third
            echo before >both; $export d/stdout >>both 2>/dev/null; tail -c +8 both | cmp - whole.tar && echo appended
            """
        )
        #expect(result.lines == ["fifo", "pipe", "file", "third", "appended"], "\(result.status) \(result.errors)")
    }

    @Test("A link to a regular file is followed, by every command alike; a disk is refused", arguments: commands)
    func links(command: String) async throws {
        // A receipt replaces receipts alone.
        let refusal = !command.hasPrefix("export") ? "64" : command.contains("--force") ? nil : "1"
        let result = try await Self.run(
            """
            "$imglife" \(command) d/tofile >/dev/null 2>errors; echo $?
            readlink d/tofile; test -f d/regular && grep -qx mine d/regular && echo untouched
            "$imglife" \(command) d/dangling >/dev/null || exit 1
            readlink d/dangling; test -f d/absent && test -s d/absent && echo written
            "$imglife" \(command) d/disk >/dev/null 2>errors && exit 2
            grep -q -- --force errors && exit 3
            test -b d/disk && echo disk
            """
        )
        let first = refusal.map { [$0, "regular", "untouched"] } ?? ["0", "regular"]
        let expected = first + ["absent", "written", "disk"]
        #expect(result.lines == expected, "\(result.status) \(result.errors)")
    }

    @Test(
        "A full disk is told with what to do, nothing is left there, and with room the same command succeeds",
        arguments: commands
    )
    func full(command: String) async throws {
        let result = try await Self.run(
            """
            mkdir small && mount -t tmpfs -o size=8k none small && head -c 8192 /dev/zero >small/fill
            "$imglife" \(command) small/out >told 2>errors; echo $?
            grep -q 'small/out: No space left on device; free some space' errors && ls small
            mount -o remount,size=64m small && "$imglife" \(command) small/out >/dev/null; echo $?
            ls small; test -s small/out && echo written
            """
        )
        #expect(result.lines == ["1", "fill", "0", "fill", "out", "written"], "\(result.errors)")
    }

    @Test("Standard output that is full is told with what to do")
    func fullOutput() async throws {
        let result = try await Self.run(
            """
            for command in "receipt" "export --offline --progress none -o -" "export --offline --progress none --force -o x"; do
                "$imglife" $command >d/full 2>errors; echo $?
                grep -c 'standard output: No space left on device; free some space, or write somewhere else' errors
            done
            """
        )
        #expect(result.lines == ["1", "1", "1", "1", "1", "1"], "\(result.errors)")
    }

    @Test(
        "A cache whose disk is full takes nothing of an archive or of a volume, says so, and takes it when there is room"
    )
    func fullCache() async throws {
        let result = try await Self.run(
            """
            "$imglife" export --offline --progress none --volume-size 64KiB -o v.tar >/dev/null || exit 1
            mkdir small && printf 'cache:\\n  min_free: 1B\\n' >config.yaml
            import() { "$imglife" --config config.yaml --cache-dir small/c import "$@" --progress none 2>>errors; }
            for size in 40 100 200 300 400 500; do
                mount -t tmpfs -o size=${size}k none small; : >errors
                import whole.tar >/dev/null || {
                    grep -q 'free some space' errors || echo "$size: $(cat errors)"
                    test -d small/c/ingest && ls small/c/ingest
                }
                import v*.tar >/dev/null; mount -o remount,size=64m small
                import v*.tar | tail -n 1 | grep -q missing && echo "$size: missing"
                import whole.tar | grep -c unchanged; ls small/c/ingest; umount small
            done
            """
        )
        #expect(result.lines == Array(repeating: "3", count: 6), "\(result.errors)")
    }

    @Test("On a full disk keygen leaves nothing behind, and another try can succeed")
    func keygen() async throws {
        let result = try await Self.run(
            """
            mkdir small && mount -t tmpfs -o size=4k none small
            head -c 4096 /dev/zero >small/fill
            "$imglife" keygen -o small/k 2>errors; echo $?
            grep -q 'No space left on device; free some space' errors && ls small
            rm small/fill; "$imglife" keygen -o small/k >/dev/null 2>errors; echo $?; ls small
            """
        )
        // There is room for one of the two files only.
        #expect(result.lines == ["1", "fill", "1"], "\(result.errors)")
    }
}
