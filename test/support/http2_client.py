"""An HTTP/2 client that tests can let do anything, by the h2 library."""

import socket
import sys
import time

# It is Debian's, whichever Python runs this.
sys.path.append("/usr/lib/python3/dist-packages")
import h2.config
import h2.connection
import h2.events
import h2.exceptions
from squire_test import PATIENCE


class Answer:
    def __init__(self):
        self.interim = []  # heads before the one that counts
        self.head = None
        self.body = b""
        self.trailer = None
        self.is_ended = False
        self.reset = None  # the code of RST_STREAM

    @property
    def status(self):
        return int(self.head[":status"])

    @property
    def is_over(self):
        return self.is_ended or self.reset is not None


class Http2Client:
    """One connection. It opens windows as octets come, unless is_slow."""

    def __init__(self, port, context, is_slow=False, check=True):
        context.set_alpn_protocols(["h2"])
        self.sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), PATIENCE),
            server_hostname="localhost")
        assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=check,
            normalize_outbound_headers=check))
        self.is_slow = is_slow
        self.answers = {}
        self.goaway = None  # its code
        self.is_closed = False
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        try:
            self.sock.sendall(self.h2.data_to_send())
        except OSError:
            self.is_closed = True

    def ask(self, url, method="GET", fields=(), body=None, more=False):
        """Begin a request; url: "https://host/path", or an authority.
        Returns the number of its stream."""
        scheme, _, rest = url.rpartition("://")
        host, slash, path = rest.partition("/")
        head = [(":method", method), (":authority", host)]
        if scheme:
            head += [(":scheme", scheme), (":path", slash + path)]
        return self.ask_raw(head + list(fields), body, more)

    def ask_raw(self, head, body=None, more=False):
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, head,
                             end_stream=body is None and not more)
        if body is not None:
            self.send(stream, body, not more)
        self.flush()
        return stream

    def send(self, stream, body, end=True):
        """All of it, as windows allow; nothing more once it is answered."""
        at = 0
        while at < len(body) and not self.answers[stream].is_over:
            room = min(self.h2.local_flow_control_window(stream),
                       self.h2.max_outbound_frame_size, len(body) - at)
            if room > 0:
                self.h2.send_data(stream, body[at:at + room])
                at += room
                self.flush()
            else:
                self.pump()
        if end and not self.answers[stream].is_over:
            self.h2.end_stream(stream)
            self.flush()

    def pump(self, patience=PATIENCE):
        """Read once. False: nothing came, or the end."""
        self.sock.settimeout(patience)
        try:
            octets = self.sock.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            octets = b""
        if not octets:
            self.is_closed = True
            return False
        for event in self.h2.receive_data(octets):
            self.note(event)
        self.flush()
        return True

    def note(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            answer.head = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if not self.is_slow:
                self.h2.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailer = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            answer.is_ended = True
        elif isinstance(event, h2.events.StreamReset) and answer:
            answer.reset = int(event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = int(event.error_code)

    def wait(self, condition, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or self.is_closed or not self.pump(left):
                break
        return condition()

    def answer(self, stream):
        self.wait(lambda: self.answers[stream].is_over)
        return self.answers[stream]

    def get(self, url, **more):
        return self.answer(self.ask(url, **more))
