module mediaproxy

go 1.22
