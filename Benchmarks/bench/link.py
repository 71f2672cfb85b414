#!/usr/bin/python3
"""link.py PORT TO --rtt S [--connection-rate B] [--link-rate B] [--certificate F --key F]: a registry far away.

Carries TCP connections from PORT of loopback to port TO as a long line would: each byte arrives half a round trip after it
was sent, a connection costs a round trip before its first byte, each connection and direction has its own rate (what a
window or a CDN gives it), and all of them share the line's. With a certificate TLS ends on the far side of the line, so a
handshake pays for its round trips as well. Loss and slow start are not imitated.
"""

import argparse
import asyncio
import collections
import ssl

PIECE = 64 << 10
# The loop itself holds the tasks of connections loosely, and one that waits for nobody but its own parts would be lost.
UNDER_WAY = set()


def held(carry):
    """Keeps a connection's task until it has ended."""

    async def run(*arguments):
        task = asyncio.current_task()
        UNDER_WAY.add(task)
        try:
            await carry(*arguments)
        finally:
            UNDER_WAY.discard(task)

    return run


class Lane:
    """What a rate allows: a line on which one piece follows the other."""

    def __init__(self, rate):
        self.rate = rate
        self.free = 0.0

    def send(self, size, now):
        """When the last byte has left."""
        self.free = max(now, self.free) + (size / self.rate if self.rate else 0)
        return self.free


class Direction:
    """One direction of one connection."""

    def __init__(self, line, own, shared, head_start):
        self.delay = line.rtt / 2
        self.lanes = (own, shared)
        self.under_way = collections.deque()
        self.arrived = asyncio.Event()
        self.head_start = head_start

    async def run(self, reader, writer):
        async with asyncio.TaskGroup() as group:
            group.create_task(self.take(reader))
            group.create_task(self.give(writer))

    async def take(self, reader):
        clock = asyncio.get_running_loop().time
        earliest = clock() + self.head_start
        try:
            while piece := await reader.read(PIECE):
                now = max(clock(), earliest)
                left = max(lane.send(len(piece), now) for lane in self.lanes)
                self.put(left + self.delay, piece)
                # The sender's buffer is small beside the line: it feels the rate.
                await asyncio.sleep(max(0, left - clock() - PIECE / (self.lanes[0].rate or 1e12)))
        except (ConnectionError, ssl.SSLError):
            pass
        self.put(clock() + self.delay, b"")

    def put(self, at, piece):
        self.under_way.append((at, piece))
        self.arrived.set()

    async def give(self, writer):
        clock = asyncio.get_running_loop().time
        try:
            while True:
                while not self.under_way:
                    self.arrived.clear()
                    await self.arrived.wait()
                at, piece = self.under_way.popleft()
                await asyncio.sleep(max(0, at - clock()))
                if not piece:
                    writer.write_eof() if writer.can_write_eof() else writer.close()
                    return
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, ssl.SSLError, OSError):
            # The sender goes on into the void until it notices.
            writer.close()


class Line:
    def __init__(self, options):
        self.rtt = options.rtt
        self.connection_rate = options.connection_rate
        self.shared = (Lane(options.link_rate), Lane(options.link_rate))

    async def carry(self, reader, writer, port):
        """Both directions of one connection; a half that ends leaves the other open."""
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return writer.close()
        there = Direction(self, Lane(self.connection_rate), self.shared[0], head_start=self.rtt)
        back = Direction(self, Lane(self.connection_rate), self.shared[1], head_start=0)
        try:
            await asyncio.gather(there.run(reader, far_writer), back.run(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.close()


async def relay(reader, writer, port):
    """The far side of TLS: plain bytes to the registry, as its proxy does it."""

    async def copy(source, sink):
        try:
            while piece := await source.read(PIECE):
                sink.write(piece)
                await sink.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        sink.close()

    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("to", type=int)
    parser.add_argument("--rtt", type=float, required=True, help="in seconds")
    parser.add_argument("--connection-rate", type=float, default=0, help="bytes a second of one connection; 0: no limit")
    parser.add_argument("--link-rate", type=float, default=0, help="bytes a second of all together; 0: no limit")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    options = parser.parse_args()
    line = Line(options)
    port = options.to
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
        far = await asyncio.start_server(held(lambda r, w: relay(r, w, options.to)), "127.0.0.1", 0, ssl=context)
        port = far.sockets[0].getsockname()[1]
    near = await asyncio.start_server(
        held(lambda r, w: line.carry(r, w, port)), "127.0.0.1", options.port, limit=PIECE
    )
    await near.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
