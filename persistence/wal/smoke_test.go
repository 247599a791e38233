package wal
import ("testing";"github.com/cockroachdb/pebble/v2/vfs";"fmt")
func TestSmoke(t *testing.T){
 for _, fs := range []vfs.FS{vfs.NewMem(), vfs.Default} {
 dir := "wal"; if fs==vfs.Default {dir=t.TempDir()+"/wal"}
 opts := Options{FS:fs,Dir:dir,SegmentBytes:4096}
 n:=uint64(0)
 for round:=0;round<5;round++{
  got:=uint64(0)
  l,err:=Open(opts,0,func(b uint64,p []byte)error{got++; if b!=got||string(p)!=fmt.Sprint(b){t.Fatal(b,string(p))};return nil})
  if err!=nil{t.Fatal(err)}
  if got!=n||l.Last()!=n{t.Fatal(got,n)}
  for i:=0;i<200;i++{n++; if err:=l.Append(n,[]byte(fmt.Sprint(n)));err!=nil{t.Fatal(err)}; if i%7==0{ if err:=l.Sync();err!=nil{t.Fatal(err)}}}
  t.Log(l.Size(), len(l.older))
  if round%2==0 {l.closeFiles()} else if err:=l.Close();err!=nil{t.Fatal(err)}
 }
 }
}
