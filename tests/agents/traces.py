"""Stack traces as programs print them, by the format that joins their lines."""

JAVA = """\
2026-11-21 10:00:00 ERROR it failed
java.lang.IllegalStateException: no
\tat shop.Cart.total(Cart.java:42)
\tat shop.Main.main(Main.java:7)
Caused by: java.io.IOException: gone
\tat shop.Store.read(Store.java:9)
\t... 2 more"""
PYTHON = """\
Traceback (most recent call last):
  File "/app/shop.py", line 3, in <module>
    {}["missing"]
KeyError: 'missing'"""
CAUSED = f"""\
{PYTHON}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/shop.py", line 5, in <module>
    raise shop.errors.Gone("x")
shop.errors.Gone: x"""
RUBY = """\
shop.rb:3:in `/': divided by 0 (ZeroDivisionError)
\tfrom shop.rb:3:in `total'
\tfrom shop.rb:7:in `<main>'"""
GO = """\
panic: my panic

goroutine 4 [running]:
panic(0x45cb40, 0x47ad70)
\t/usr/local/go/src/runtime/panic.go:542 +0x46c
main.main.func1(0xc420024120)
\tfoo.go:6 +0x39
created by main.main
\tfoo.go:5 +0x58"""
OWN = """\
#7 begin
not indented
#not a number, so no beginning"""

# Traces that are one record each.
SILENT = """\
Exception in thread "main" java.lang.NullPointerException
\tat shop.Cart.total(Cart.java:42)"""
NESTED = """\
java.rmi.ServerException: RemoteException occurred; nested exception is:
\tjava.rmi.UnmarshalException: error unmarshalling arguments
\tat shop.Stub.call(Stub.java:3)"""
DOTNET = """\
Unhandled exception. System.InvalidOperationException: no
 ---> System.IO.IOException: gone
   at Shop.Store.Read() in /src/Store.cs:line 9
   --- End of inner exception stack trace ---
   at Shop.Cart.Total() in /src/Cart.cs:line 42"""
NODE = """\
TypeError: Cannot read properties of undefined
    at total (/app/shop.js:3:9)
    at Object.<anonymous> (/app/shop.js:7:1)"""
DEADLOCK = """\
fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan receive]:
main.(*Cart).total(...)
\tshop.go:6
main.each[...](0x1)
\tshop.go:9 +0x39

goroutine 5 [select]:
net/http.(*conn).serve(0xc42)
\t/usr/local/go/src/net/http/server.go:1 +0x5"""
EVERY = {
    "python": (PYTHON, CAUSED),
    "java": (SILENT, NESTED, DOTNET, NODE),
    "go": (GO, DEADLOCK),
    "ruby": (RUBY,),
}
