import Sync
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct ProgressFrameTests {
    private func frame(
        _ snapshot: SyncProgress.Snapshot,
        width: Int,
        height: Int = 24,
        elapsed: Duration = .seconds(67),
        rate: Double? = 36_805_017
    ) -> [String] {
        ProgressFrame(snapshot: snapshot, width: width, height: height, elapsed: elapsed, rate: rate).lines
    }

    private static func name(_ text: String) -> String {
        text + String(repeating: " ", count: 50 - text.count)
    }

    private static func bar(_ done: Int) -> String {
        String(repeating: "━", count: done) + String(repeating: "─", count: 40 - done)
    }

    @Test(
        "Every width shows what it has room for",
        arguments: [
            (
                20,
                [
                    "1.22.3-…3911fc  11%",
                    "3.21.3 …174bc9  99%",
                    "latest …6789ab 100%",
                    "12 of 40 tags",
                ]
            ),
            (
                40,
                [
                    "1.22.3-alp…ff63911fc ━────────────  11%",
                    "3.21.3 f18232174bc9  ━━━━━━━━━━━━─  99%",
                    "latest 0123456789ab  ━━━━━━━━━━━━━ 100%",
                    "12 of 40 tags · 1 failed · 35.1 MiB/s",
                ]
            ),
            (
                80,
                [
                    "1.22.3-alpine3.21 4bcff63911fc    ━━──────────────────       3.4/29.1 MiB   11%",
                    "3.21.3 f18232174bc9               ━━━━━━━━━━━━━━━━━━━─        1.0/1.0 GiB   99%",
                    "latest 0123456789ab               ━━━━━━━━━━━━━━━━━━━━              0/0 B  100%",
                    "12 of 40 tags · 1 failed · 1.2 GiB · 35.1 MiB/s · 1m07s · ETA 2m36s",
                ]
            ),
            (
                200,
                [
                    name("1.22.3-alpine3.21 4bcff63911fc") + bar(4) + "       3.4/29.1 MiB   11%",
                    name("3.21.3 f18232174bc9") + bar(39) + "        1.0/1.0 GiB   99%",
                    name("latest 0123456789ab") + bar(40) + "              0/0 B  100%",
                    "12 of 40 tags · 1 failed · 1.2 GiB · 35.1 MiB/s · 1m07s · ETA 2m36s",
                ]
            ),
        ]
    )
    func widths(width: Int, expected: [String]) {
        #expect(frame(Sample.snapshot(failed: 1, transfers: Sample.transfers), width: width) == expected)
    }

    @Test("No line ever reaches the last column", arguments: 1...300)
    func bounded(width: Int) {
        let hostile = Sample.transfer(9, String(repeating: "x", count: 400), .max, of: .max)
        let negative = Sample.transfer(10, "a", -5, of: -1)
        let snapshots = [
            Sample.snapshot(failed: 1, transfers: Sample.transfers + [hostile, negative]),
            Sample.snapshot(tags: 9_999_999, finished: 8_888_888, failed: 7_777_777, bytes: .max, transfers: []),
            Sample.snapshot(tags: 0, finished: 0, pending: 1234, bytes: 0),
        ]
        for snapshot in snapshots {
            for line in frame(snapshot, width: width, elapsed: .seconds(400_000), rate: 1e30) {
                #expect(line.unicodeScalars.count <= max(0, width - 1), "\(line)")
            }
        }
    }

    @Test(
        "More transfers than lines are counted instead of shown",
        arguments: [(1, 0), (2, 1), (3, 2), (4, 3), (6, 5), (12, 11), (24, 11)]
    )
    func heights(height: Int, expected: Int) {
        let transfers = (1...10).map { Sample.transfer($0, "blob\($0)", 5, of: 10) }
        let lines = frame(Sample.snapshot(transfers: transfers), width: 60, height: height)
        #expect(lines.count == expected)
        let shown = lines.count { $0.hasPrefix("blob") }
        #expect(lines.contains("+\(10 - shown) more") == (shown < 10 && expected > 1))
        #expect(lines.last?.hasPrefix("12 of 40 tags") ?? true)
    }

    @Test("A name that is not ASCII takes as many columns as it has characters")
    func foreignNames() {
        let transfer = Sample.transfer(1, "日本\u{1B}[2Je\u{301}", 1, of: 2)
        #expect(frame(Sample.snapshot(transfers: [transfer]), width: 20).first == "???[2Je?        50%")
    }

    @Test(
        "The total tells what is known",
        arguments: [
            (Sample.snapshot(tags: 0, finished: 0, pending: 1, bytes: 0), nil, "listing 1 entry · 1m07s"),
            (Sample.snapshot(tags: 0, finished: 0, pending: 3, bytes: 0), nil, "listing 3 entries · 1m07s"),
            (Sample.snapshot(pending: 1, bytes: 0), nil, "12 of 40+ tags · 1m07s"),
            (Sample.snapshot(tags: 1, finished: 1, bytes: 5), 0, "1 of 1 tag · 5 B · 0 B/s · 1m07s"),
            (Sample.snapshot(), nil, "12 of 40 tags · 1.2 GiB · 1m07s · ETA 2m36s"),
        ]
    )
    func totals(snapshot: SyncProgress.Snapshot, rate: Double?, expected: String) {
        #expect(frame(snapshot, width: 100, rate: rate) == [expected])
    }

    @Test(
        "Whom everybody waits for is named at every width that has room for it",
        arguments: [
            (95, "12 of 40 tags · waiting for quay.io: 429 TOOMANYREQUESTS, 4m56s left · 1 failed · ETA 2m36s"),
            (80, "12 of 40 tags · waiting for quay.io: 429 TOOMANYREQUESTS, 4m56s left · 1 failed"),
            (75, "12 of 40 tags · waiting for quay.io: 429 TOOMANYREQUESTS, 4m56s left"),
            (60, "12 of 40 tags · waiting for quay.io, 4m56s · 1 failed"),
            (40, "waiting for quay.io, 4m56s"),
            (30, "waiting for quay.io, 4m56s"),
        ]
    )
    func waiting(width: Int, expected: String) {
        var frame = ProgressFrame(
            snapshot: Sample.snapshot(failed: 1, bytes: 0),
            width: width,
            height: 24,
            elapsed: .seconds(67),
            rate: nil
        )
        frame.wait = WaitingHosts.Wait(host: "quay.io", text: "429 TOOMANYREQUESTS, 4m56s left", time: "4m56s")
        #expect(frame.lines == [expected])
    }
}

@Suite(.timeLimit(.minutes(10)))
struct RemainingTimeTests {
    private func estimate(_ snapshot: SyncProgress.Snapshot, _ seconds: Int, _ rate: Double?) -> Duration? {
        RemainingTime.estimate(snapshot, elapsed: .seconds(seconds), rate: rate)
    }

    private func sized(
        _ snapshot: SyncProgress.Snapshot,
        images: Int,
        running: Int,
        bytes: Int64,
        done: Int64
    ) -> SyncProgress.Snapshot {
        var snapshot = snapshot
        snapshot.sizedImages = images
        snapshot.runningImages = running
        snapshot.imageBytes = bytes
        snapshot.doneBytes = done
        return snapshot
    }

    @Test("Without ground for it there is no estimate")
    func none() {
        #expect(estimate(Sample.snapshot(), 4, 10) == nil)
        #expect(estimate(Sample.snapshot(pending: 1), 60, 10) == nil)
        #expect(estimate(Sample.snapshot(finished: 40), 60, 10) == nil)
        #expect(estimate(Sample.snapshot(finished: 0), 60, 10) == nil)
        let one = sized(Sample.snapshot(tags: 1, finished: 0), images: 1, running: 1, bytes: 100, done: 0)
        #expect(estimate(one, 60, 0) == nil)
        #expect(estimate(one, 60, nil) == nil)
        #expect(estimate(Sample.snapshot(tags: 1_000_000, finished: 1), 60, nil) == nil)
    }

    @Test("What a slow target has not taken yet is not counted as sent, as far as buffers hide that")
    func buffers() {
        var blob = Sample.transfer(1, "a", 25_000_000 + (1280 << 10), of: 125_000_000)
        blob.isHeldUp = true
        let one = sized(
            Sample.snapshot(tags: 1, finished: 0, transfers: [blob]),
            images: 1,
            running: 1,
            bytes: 225_000_000,
            done: 100_000_000
        )
        #expect(estimate(one, 10, 10_000_000) == .seconds(10))
    }

    @Test("Bytes decide: those of images under way, and the average of those to come")
    func bytes() {
        let blob = Sample.transfer(1, "a", 25, of: 125)
        let one = sized(
            Sample.snapshot(tags: 1, finished: 0, transfers: [blob]),
            images: 1,
            running: 1,
            bytes: 225,
            done: 100
        )
        #expect(estimate(one, 10, 10) == .seconds(10))
        let many = sized(Sample.snapshot(tags: 10, finished: 4), images: 5, running: 1, bytes: 500, done: 450)
        #expect(estimate(many, 10, 10) == .seconds(55))
        let mostlyUpToDate = sized(
            Sample.snapshot(tags: 100, finished: 49),
            images: 5,
            running: 1,
            bytes: 500,
            done: 500
        )
        #expect(estimate(mostlyUpToDate, 10, 10) == .seconds(50))
    }
}

@Suite(.timeLimit(.minutes(10)))
struct TransferRateTests {
    @Test("The rate is that of the last five seconds, and unknown in the first")
    func smoothed() {
        var rate = TransferRate()
        #expect(rate.bytesPerSecond == nil)
        rate.add(bytes: 0, at: .zero)
        rate.add(bytes: 100, at: .milliseconds(900))
        #expect(rate.bytesPerSecond == nil)
        rate.add(bytes: 200, at: .seconds(2))
        #expect(rate.bytesPerSecond == 100)
        for second in 3...9 { rate.add(bytes: 200 + Int64(second - 2) * 1000, at: .seconds(second)) }
        #expect(rate.bytesPerSecond == 1000)
        for second in 10...15 { rate.add(bytes: 7200, at: .seconds(second)) }
        #expect(rate.bytesPerSecond == 0)
    }
}
