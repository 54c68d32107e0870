"""`listing_server.py PORT KEYS`: answer ListObjectsV2 for a bucket of many objects, a thousand at a time.

The pages are made beforehand, so that what a client measures is the client.
"""

from __future__ import annotations

import asyncio
import re
import sys

PAGE = 1000
OBJECT = """<Contents><Key>in/job{number:07}.txt</Key><LastModified>2024-02-29T12:00:00.000Z</LastModified>\
<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size><StorageClass>STANDARD</StorageClass></Contents>"""
LISTING = """<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\
<Name>bucket</Name><Prefix>in/</Prefix><MaxKeys>1000</MaxKeys><KeyCount>{count}</KeyCount>\
<IsTruncated>{truncated}</IsTruncated>{token}{objects}</ListBucketResult>"""


def page(first: int, keys: int) -> bytes:
    """Make the answer that begins with an object."""
    numbers = range(first, min(first + PAGE, keys))
    more = first + PAGE < keys
    text = LISTING.format(
        count=len(numbers),
        truncated=str(more).lower(),
        token=f"<NextContinuationToken>{first + PAGE}</NextContinuationToken>" if more else "",
        objects="".join(OBJECT.format(number=number) for number in numbers),
    )
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(text)}\r\n\r\n"
    return (head + text).encode()


async def main(port: int, keys: int) -> None:
    """Serve for ever."""
    pages = {first: page(first, keys) for first in range(0, keys, PAGE)}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                token = re.search(rb"continuation-token=(\d+)", head)
                writer.write(pages[int(token[1]) if token else 0])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
